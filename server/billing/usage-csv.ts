import type { Db } from "#server/db/client.ts";
import type { Id } from "#server/std/id.ts";
import { hoursOfInvoice } from "./invoice-hours.ts";
import { issuedInvoice } from "./invoices.ts";

/** The hours that an invoice counts, as CSV: their sums are its quantities. Integers in the ledger's units, times in UTC. */
export async function usageCsv(db: Db, of: { organizationId: Id<"organization">; number: string }): Promise<string> {
  const { organizationId } = of;
  const { id: invoiceId } = await issuedInvoice(db, of);
  const rows = (await hoursOfInvoice(db, { organizationId, invoiceId })).map((hour) =>
    [hour.hourAt.toISOString(), hour.revision, hour.requests, hour.cpuNs, hour.egressBytes].join(","),
  );
  return ["hour_utc,seal_revision,requests,cpu_ns,egress_bytes", ...rows, ""].join("\r\n");
}
