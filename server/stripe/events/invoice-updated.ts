import { endsMonth, postpone } from "../invoice-hold.ts";
import { mirrorInvoice } from "../invoice-mirror.ts";
import type { StripeTools } from "../tools.ts";

export async function invoiceUpdated(tools: StripeTools, invoiceId: string): Promise<void> {
  const invoice = await mirrorInvoice(tools, invoiceId);
  if (invoice && endsMonth(invoice)) await postpone(tools, invoice);
}
