import { mirrorInvoice } from "../invoice-mirror.ts";
import { noteUnpaid } from "../standing.ts";
import type { StripeTools } from "../tools.ts";

/** Nobody owes it any more. */
export async function invoiceVoided(tools: StripeTools, invoiceId: string): Promise<void> {
  const invoice = await mirrorInvoice(tools, invoiceId);
  if (invoice) await noteUnpaid(tools, invoice.organizationId);
}
