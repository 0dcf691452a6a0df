import { mirrorSubscription } from "../subscription-mirror.ts";
import { alignPlan } from "../subscription-plan.ts";
import type { StripeTools } from "../tools.ts";

export async function subscriptionUpdated(tools: StripeTools, subscriptionId: string): Promise<void> {
  const row = await mirrorSubscription(tools, subscriptionId);
  if (row) await alignPlan(tools, row);
}
