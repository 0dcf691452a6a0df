import { createHash } from "node:crypto";
import type { ClientBase } from "pg";
import { poolOf, type Db } from "#server/db/client.ts";
import type { Seal } from "#server/metering/seal-text.ts";
import { sealedFacts } from "#server/metering/sealed-facts.ts";
import { Fault } from "#server/std/fault.ts";
import type { Id } from "#server/std/id.ts";
import { rowOfLine } from "./invoice-line.ts";
import { issuedInvoice, type IssuedInvoice } from "./invoices.ts";
import { planTermsOf } from "./plan-terms.ts";
import { loadPriceBook, textOfPlans } from "./price-versions.ts";

type Of = { organizationId: Id<"organization">; number: string };
type Entry = Record<string, unknown>;

/**
 * All that an invoice is made of, as JSON Lines: prices, plans, the organization's chain of seals, the hours that the invoice
 * counts with the facts under each seal, the lines and the sums, and last the SHA-256 over all that. Every number is a
 * string. `verify/verify-export.ts` adds it up again from nothing. However large, few lines are held at a time.
 */
export async function* exportInvoice(db: Db, of: Of): AsyncGenerator<string> {
  const invoice = await issuedInvoice(db, of);
  const digest = createHash("sha256");
  const write = (entry: Entry): string => {
    const line = `${JSON.stringify(entry)}\n`;
    digest.update(line);
    return line;
  };
  for await (const entry of entriesOf(db, of, invoice)) yield write(entry);
  yield `${JSON.stringify({ entry: "end", sha256: digest.digest("hex") })}\n`;
}

/**
 * From one snapshot, so that chain, hours and facts are of one moment whatever comes in meanwhile. What would make the export
 * useless is found before anything of it is written.
 */
async function* entriesOf(db: Db, { organizationId }: Of, invoice: IssuedInvoice): AsyncGenerator<Entry> {
  const client = await poolOf(db).connect();
  let isWhole = false;
  try {
    await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    const hours = await hourRows(client, organizationId, invoice);
    checkSealed(hours);
    yield* headEntries(db, organizationId, invoice);
    for (const seal of await sealRows(client, organizationId)) yield { entry: "seal", ...seal };
    for (const hour of hours) {
      yield hourEntry(hour);
      if (hour.invoice !== "this") continue;
      for await (const fact of sealedFacts(client, { organizationId, hourAt: new Date(hour.hour_at) }))
        yield { entry: "fact", ...fact };
    }
    await client.query("COMMIT");
    isWhole = true;
  } finally {
    // A reader that goes away half-way leaves the transaction open: its connection is closed with it.
    client.release(!isWhole);
  }
}

function checkSealed(hours: readonly HourRow[]): void {
  const open = hours.find((hour) => hour.invoice === "this" && !hour.is_sealed);
  if (!open) return;
  throw new Fault("unavailable", `Late usage of ${open.hour_at} is not under a seal yet. Try again in ten minutes.`);
}

/** What an invoice is made of besides usage: none of it ever changes, so it needs no snapshot. */
async function* headEntries(db: Db, organizationId: Id<"organization">, invoice: IssuedInvoice): AsyncGenerator<Entry> {
  yield {
    entry: "invoice",
    format: "sluice invoice export 1",
    organization_id: organizationId,
    number: invoice.number,
    issued_at: invoice.issuedAt.toISOString(),
    period_from: invoice.from.toISOString(),
    period_to: invoice.to.toISOString(),
    total_cents: String(invoice.totalCents),
    credit_cents: String(invoice.creditCents),
    seal_hash: invoice.sealHash,
  };
  for (const { version, effectiveAt, plans } of await loadPriceBook(db)) {
    const prices = { version: String(version), effective_at: effectiveAt.toISOString(), plans: textOfPlans(plans) };
    yield { entry: "prices", ...prices };
  }
  for (const { from, plan } of await planTermsOf(db, organizationId))
    yield { entry: "plan", from: from.toISOString(), plan };
  for (const line of invoice.lines) yield lineEntry(line);
}

function hourEntry({ hour_at, revision, requests, cpu_ns, egress_bytes, invoice }: HourRow): Entry {
  return { entry: "hour", hour_at, revision, requests, cpu_ns, egress_bytes, invoice };
}

function lineEntry(line: IssuedInvoice["lines"][number]): Entry {
  const row = rowOfLine(line);
  return {
    entry: "line",
    position: String(line.position),
    type: row.kind,
    meter: row.meter ?? "",
    plan: row.plan ?? "",
    price_version: String(row.priceVersion ?? ""),
    from: row.fromAt.toISOString(),
    to: row.toAt.toISOString(),
    quantity: String(row.quantity),
    billable: String(row.billable),
    price: row.price,
    per: String(row.per),
    cents: String(row.cents),
  };
}

const iso = (column: string) => `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

/** The organization's whole chain, from its first link: with less of it nobody could say that nothing was taken out. */
async function sealRows(client: ClientBase, organizationId: string): Promise<Seal[]> {
  const { rows } = await client.query<Seal>(
    `SELECT organization_id, number::text, ${iso("hour_at")} AS hour_at, revision::text, requests::text, cpu_ns::text, egress_bytes::text,
            facts::text, facts_digest, ${iso("sealed_at")} AS sealed_at, previous_hash, hash
     FROM usage_seal AS seal WHERE organization_id = $1 ORDER BY seal.number`,
    [organizationId],
  );
  return rows;
}

type HourRow = {
  hour_at: string;
  revision: string;
  requests: string;
  cpu_ns: string;
  egress_bytes: string;
  /** Whose count it is; earlier ones are given for months to which this invoice adds something late. */
  invoice: "this" | "earlier";
  is_sealed: boolean;
};

async function hourRows(client: ClientBase, organizationId: string, invoice: IssuedInvoice): Promise<HourRow[]> {
  const { rows } = await client.query<HourRow>(
    `WITH late AS (
       SELECT DISTINCT date_trunc('month', hour_at, 'UTC') AS month FROM billed_hour WHERE invoice_id = $2 AND hour_at < $3
     )
     SELECT ${iso("billed.hour_at")} AS hour_at, revision::text, billed.requests::text, billed.cpu_ns::text, billed.egress_bytes::text,
            CASE WHEN billed.invoice_id = $2 THEN 'this' ELSE 'earlier' END AS invoice,
            NOT EXISTS (SELECT FROM usage_hour AS hour
                        WHERE hour.organization_id = $1 AND hour.hour_at = billed.hour_at AND NOT hour.sealed) AS is_sealed
     FROM billed_hour AS billed JOIN invoice ON invoice.id = billed.invoice_id
     WHERE billed.organization_id = $1 AND (
       billed.invoice_id = $2
       OR (invoice.issued_at < $4 AND date_trunc('month', billed.hour_at, 'UTC') IN (SELECT month FROM late)))
     ORDER BY billed.hour_at, billed.revision`,
    [organizationId, invoice.id, invoice.from, invoice.issuedAt],
  );
  return rows;
}
