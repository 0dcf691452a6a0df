import { mirrorCustomer } from "../customer.ts";
import type { StripeTools } from "../tools.ts";

/** In the portal the card may have been changed, or taken away. */
export async function customerUpdated(tools: StripeTools, customerId: string): Promise<void> {
  await mirrorCustomer(tools, customerId);
}
