import type { Db } from "#server/db/client.ts";
import { hourFacts, type HourFact } from "#server/metering/hour-facts.ts";
import { Fault } from "#server/std/fault.ts";
import type { Id } from "#server/std/id.ts";
import { formatCents, formatExact } from "#server/std/money.ts";
import { creditLeft } from "./credits.ts";
import { hourOfInvoice, hoursOfLine } from "./invoice-hours.ts";
import { shownInvoice, shownLines, type ShownInvoice, type ShownLine } from "./invoice-view.ts";
import { issuedInvoice, listInvoices } from "./invoices.ts";
import { quantitiesOf } from "./month-usage.ts";
import { versionAt, type Meter } from "./price-book.ts";
import { loadPriceBook } from "./price-versions.ts";
import { listPrice } from "./rating.ts";

type Key = { organizationId: Id<"organization">; number: string };

export async function invoiceList(
  db: Db,
  organizationId: Id<"organization">,
): Promise<{ invoices: ShownInvoice[]; creditLeft: string | null }> {
  const [invoices, left] = await Promise.all([listInvoices(db, organizationId), creditLeft(db, organizationId)]);
  return { invoices: invoices.map(shownInvoice), creditLeft: left > 0n ? formatCents(left) : null };
}

/** `sealHash`: the organization's newest seal when the invoice was issued; empty where it had none. */
export async function invoicePage(
  db: Db,
  key: Key,
): Promise<{ invoice: ShownInvoice; lines: ShownLine[]; sealHash: string }> {
  const invoice = await issuedInvoice(db, key);
  return { invoice: shownInvoice(invoice), lines: shownLines(invoice), sealHash: invoice.sealHash };
}

export type ShownHour = { hourAt: Date; revision: number; quantity: bigint; worth: string };

/** A line and the hours that it stands for. A fee stands for no usage. */
export async function linePage(
  db: Db,
  key: Key & { position: number },
): Promise<{ invoice: ShownInvoice; line: ShownLine; meter: Meter; hours: ShownHour[] }> {
  const { organizationId, position } = key;
  const invoice = await issuedInvoice(db, key);
  const line = invoice.lines.find((each) => each.position === position);
  const shown = shownLines(invoice).find((each) => each.position === position);
  if (!line || !shown || line.kind === "fee") throw new Fault("not_found", "This line stands for no usage.");
  const { meter } = line;
  const [hours, book] = await Promise.all([hoursOfLine(db, { organizationId, invoice, line }), loadPriceBook(db)]);
  return {
    invoice: shownInvoice(invoice),
    line: shown,
    meter,
    hours: hours
      .map((hour) => ({ ...hour, quantity: quantitiesOf(hour)[meter] }))
      .filter(({ quantity }) => quantity > 0n)
      .map(({ hourAt, revision, quantity }) => ({
        hourAt,
        revision,
        quantity,
        worth: formatExact(listPrice({ [meter]: quantity }, versionAt(book, hourAt))),
      })),
  };
}

export type ShownFact = HourFact & { worth: string };

/** An hour of an invoice and the charged facts of it, a page at a time. */
export async function hourPage(
  db: Db,
  key: Key & { hourAt: Date; afterKey: string | null },
): Promise<{
  invoice: ShownInvoice;
  hour: { hourAt: Date; revision: number; requests: bigint; cpuNs: bigint; egressBytes: bigint };
  facts: ShownFact[];
  nextKey: string | null;
}> {
  const { organizationId, hourAt, afterKey } = key;
  const invoice = await issuedInvoice(db, key);
  const hour = await hourOfInvoice(db, { organizationId, invoiceId: invoice.id, hourAt });
  const [{ facts, nextKey }, book] = await Promise.all([
    hourFacts(db, { organizationId, hourAt, afterKey }),
    loadPriceBook(db),
  ]);
  const version = versionAt(book, hourAt);
  const worthOf = (fact: HourFact) =>
    formatExact(
      listPrice({ requests: fact.kind === "request" ? 1n : 0n, cpu: fact.cpuNs, egress: fact.egressBytes }, version),
    );
  return {
    invoice: shownInvoice(invoice),
    hour,
    facts: facts.map((fact) => ({ ...fact, worth: worthOf(fact) })),
    nextKey,
  };
}
