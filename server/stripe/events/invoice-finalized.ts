import { mirrorInvoice } from "../invoice-mirror.ts";
import type { StripeTools } from "../tools.ts";

/** From now on it takes up no usage: what comes later is settled with the next one. */
export async function invoiceFinalized(tools: StripeTools, invoiceId: string): Promise<void> {
  await mirrorInvoice(tools, invoiceId);
}
