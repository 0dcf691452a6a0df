import { endsMonth, postpone } from "../invoice-hold.ts";
import { mirrorInvoice } from "../invoice-mirror.ts";
import type { StripeTools } from "../tools.ts";

/** A month's invoice is not to be final before the month's last hours are on it. */
export async function invoiceCreated(tools: StripeTools, invoiceId: string): Promise<void> {
  const invoice = await mirrorInvoice(tools, invoiceId);
  if (invoice && endsMonth(invoice)) await postpone(tools, invoice);
}
