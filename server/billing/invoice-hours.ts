import type { Db } from "#server/db/client.ts";
import type { Usage } from "#server/metering/usage.ts";
import { Fault } from "#server/std/fault.ts";
import type { Id } from "#server/std/id.ts";
import type { IssuedInvoice } from "./invoices.ts";
import type { InvoiceLine } from "./invoice-line.ts";

/** What an invoice counts of a sealed hour. A late revision counts for what it adds to the one before. */
export type InvoiceHour = Usage & { hourAt: Date; revision: number };

const columns = { hourAt: true, revision: true, requests: true, cpuNs: true, egressBytes: true } as const;

/** The hours that a line of usage stands for, oldest first: they add up to it. */
export function hoursOfLine(
  db: Db,
  of: { organizationId: Id<"organization">; invoice: IssuedInvoice; line: InvoiceLine },
): Promise<InvoiceHour[]> {
  const { organizationId, invoice, line } = of;
  return db.billedHour.findMany({
    where: { organizationId, invoiceId: invoice.id, hourAt: { gte: line.from, lt: line.to } },
    orderBy: { hourAt: "asc" },
    select: columns,
  });
}

/** All hours that an invoice stands for, oldest first. */
export function hoursOfInvoice(
  db: Db,
  of: { organizationId: Id<"organization">; invoiceId: string },
): Promise<InvoiceHour[]> {
  return db.billedHour.findMany({ where: of, orderBy: { hourAt: "asc" }, select: columns });
}

/** One hour of an invoice. */
export async function hourOfInvoice(
  db: Db,
  of: { organizationId: Id<"organization">; invoiceId: string; hourAt: Date },
): Promise<InvoiceHour> {
  const hour = await db.billedHour.findFirst({ where: of, select: columns });
  if (!hour) throw new Fault("not_found", "This invoice counts nothing of that hour.");
  return hour;
}
