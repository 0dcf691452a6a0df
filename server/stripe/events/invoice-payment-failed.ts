import { mirrorInvoice } from "../invoice-mirror.ts";
import { noteUnpaid } from "../standing.ts";
import type { StripeTools } from "../tools.ts";

/** The grace period begins with the first charge that failed, and not again with each that follows. */
export async function invoicePaymentFailed(tools: StripeTools, invoiceId: string): Promise<void> {
  const invoice = await mirrorInvoice(tools, invoiceId);
  if (invoice) await noteUnpaid(tools, invoice.organizationId);
}
