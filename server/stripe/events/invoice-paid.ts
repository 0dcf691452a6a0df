import { mirrorInvoice } from "../invoice-mirror.ts";
import { clearNotice } from "../notices.ts";
import { followInvoice } from "../our-invoice.ts";
import { noteUnpaid } from "../standing.ts";
import type { StripeTools } from "../tools.ts";

/** Whoever owed may go on once nothing is overdue any more. */
export async function invoicePaid(tools: StripeTools, invoiceId: string): Promise<void> {
  const invoice = await mirrorInvoice(tools, invoiceId);
  if (!invoice) return;
  await clearNotice(tools.db, `finalize:${invoiceId}`);
  await followInvoice(tools, invoice);
  await noteUnpaid(tools, invoice.organizationId);
}
