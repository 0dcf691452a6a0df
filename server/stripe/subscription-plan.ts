import { refreshBudget } from "#server/billing/budget.ts";
import { applyPlan, nextTerm, planAt, planTermsOf } from "#server/billing/plan-terms.ts";
import { asId } from "#server/std/id.ts";
import { runningSubscription, type SubscriptionRow } from "./subscription-mirror.ts";
import { nowOf, type StripeTools } from "./tools.ts";

/**
 * Brings the plan in line with a subscription, where a change was cut off between the two: one that is paid for gives its
 * plan, and one that is to end with the month takes it away then.
 */
export async function alignPlan(tools: StripeTools, row: SubscriptionRow): Promise<void> {
  if (row.status !== "active" || row.endedAt !== null) return;
  const organizationId = asId("organization", row.organizationId);
  const running = await runningSubscription(tools, organizationId);
  if (running?.subscriptionId !== row.subscriptionId) return;
  const now = nowOf(tools);
  await tools.db.$transaction(async (tx) => {
    const terms = await planTermsOf(tx, organizationId);
    const [current, next] = [planAt(terms, now), nextTerm(terms, now)];
    const isLeaving = running.billedTo !== null;
    const isRight = isLeaving ? current === "pro" && next?.plan === "free" : current === "pro" && next === null;
    if (isRight) return;
    if (current !== "pro") await applyPlan(tx, { organizationId, userId: null, plan: "pro", now });
    if (isLeaving) await applyPlan(tx, { organizationId, userId: null, plan: "free", now });
    else if (next) await applyPlan(tx, { organizationId, userId: null, plan: "pro", now });
    await refreshBudget(tx, { organizationId, now });
  });
}
