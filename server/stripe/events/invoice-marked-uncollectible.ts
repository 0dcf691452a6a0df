import { mirrorInvoice } from "../invoice-mirror.ts";
import { followInvoice } from "../our-invoice.ts";
import { noteUnpaid } from "../standing.ts";
import type { StripeTools } from "../tools.ts";

/** An operator gave it up: it is owed no longer, and stops nobody. */
export async function invoiceMarkedUncollectible(tools: StripeTools, invoiceId: string): Promise<void> {
  const invoice = await mirrorInvoice(tools, invoiceId);
  if (!invoice) return;
  await followInvoice(tools, invoice);
  await noteUnpaid(tools, invoice.organizationId);
}
