import { HOUR_MS } from "#server/std/clock.ts";
import { raiseNotice } from "../notices.ts";
import { mirrorSubscription } from "../subscription-mirror.ts";
import type { StripeTools } from "../tools.ts";

/**
 * One that was to end has ended. One that was not was cancelled at Stripe, by hand or because nobody paid: it bills no
 * later hour, and an operator is told, since the organization still has its plan.
 */
export async function subscriptionDeleted(tools: StripeTools, subscriptionId: string): Promise<void> {
  const row = await mirrorSubscription(tools, subscriptionId);
  if (!row || row.endedAt === null || row.billedTo !== null) return;
  const billedTo = new Date(Math.ceil(row.endedAt.getTime() / HOUR_MS) * HOUR_MS);
  await tools.db.stripeSubscription.update({
    where: { subscriptionId },
    data: { billedTo },
    select: { subscriptionId: true },
  });
  await raiseNotice(
    tools,
    `subscription:${subscriptionId}`,
    `The subscription of ${row.organizationId} was cancelled at Stripe (${subscriptionId}). It still has its plan here: move it to Free, or let it subscribe again.`,
  );
}
