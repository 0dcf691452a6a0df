import { mirrorSubscription } from "../subscription-mirror.ts";
import { alignPlan } from "../subscription-plan.ts";
import type { StripeTools } from "../tools.ts";

/** Whoever asked for it may never have heard the answer: the plan that is paid for is given all the same. */
export async function subscriptionCreated(tools: StripeTools, subscriptionId: string): Promise<void> {
  const row = await mirrorSubscription(tools, subscriptionId);
  if (row) await alignPlan(tools, row);
}
