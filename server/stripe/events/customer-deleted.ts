import { mirrorCustomer, organizationOf } from "../customer.ts";
import { raiseNotice } from "../notices.ts";
import type { StripeTools } from "../tools.ts";

/** Only an operator can have done that, at Stripe: its usage can be told to nobody any more. */
export async function customerDeleted(tools: StripeTools, customerId: string): Promise<void> {
  const organizationId = await organizationOf(tools, customerId);
  if (organizationId === null) return;
  await mirrorCustomer(tools, customerId);
  await raiseNotice(
    tools,
    `parked:${organizationId}`,
    `The customer of ${organizationId} was deleted at Stripe (${customerId}).`,
  );
}
