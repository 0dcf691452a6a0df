import type { Tx } from "#server/db/client.ts";

/**
 * The next number of an installation's invoices in a year: "SLU-2026-000001". The counter's row stays locked until the
 * caller's transaction ends, and goes back with it: so numbers have no gaps, whatever fails.
 */
export async function takeInvoiceNumber(tx: Tx, issuedAt: Date): Promise<string> {
  const year = issuedAt.getUTCFullYear();
  const [row] = await tx.$queryRaw<{ last: number }[]>`
    INSERT INTO invoice_counter AS counter (year, last) VALUES (${year}, 1)
    ON CONFLICT (year) DO UPDATE SET last = counter.last + 1
    RETURNING last`;
  if (!row) throw new Error("the counter of invoices gave no number");
  return `SLU-${year}-${String(row.last).padStart(6, "0")}`;
}
