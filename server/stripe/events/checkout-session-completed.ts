import { finishCardSetup } from "../card-setup.ts";
import type { StripeTools } from "../tools.ts";

/** A card was added on Stripe's page: invoices are charged to it from now on. */
export async function checkoutSessionCompleted(tools: StripeTools, sessionId: string): Promise<void> {
  await finishCardSetup(tools, sessionId);
}
