import type Stripe from "stripe";
import { hourStart } from "#server/std/clock.ts";
import type { Id } from "#server/std/id.ts";
import { organizationOf } from "./customer.ts";
import { fromSeconds, idOf, nowOf, type StripeTools } from "./tools.ts";

export type SubscriptionRow = {
  subscriptionId: string;
  organizationId: string;
  status: string;
  priceVersion: number;
  billedFrom: Date;
  billedTo: Date | null;
  endedAt: Date | null;
};

export const subscriptionColumns = {
  subscriptionId: true,
  organizationId: true,
  status: true,
  priceVersion: true,
  billedFrom: true,
  billedTo: true,
  endedAt: true,
} as const;

/** The subscription that bills the hour which runs; null when none does. */
export async function runningSubscription(
  tools: Pick<StripeTools, "db" | "clock">,
  organizationId: Id<"organization">,
): Promise<SubscriptionRow | null> {
  return tools.db.stripeSubscription.findFirst({
    where: {
      organizationId,
      endedAt: null,
      OR: [{ billedTo: null }, { billedTo: { gt: nowOf(tools) } }],
    },
    orderBy: { billedFrom: "desc" },
    select: subscriptionColumns,
  });
}

/**
 * Fetches a subscription and writes it down. Which hours it bills is ours to say: the first is the one in which Stripe
 * lets it begin, and the end is set by whoever changes the plan. Returns null for one of somebody else.
 */
export async function mirrorSubscription(tools: StripeTools, subscriptionId: string): Promise<SubscriptionRow | null> {
  const subscription = await tools.stripe.subscriptions.retrieve(subscriptionId);
  const organizationId = await organizationOf(tools, idOf(subscription.customer));
  if (organizationId === null) return null;
  const current = {
    status: subscription.status,
    priceVersion: versionOf(subscription),
    endedAt: subscription.ended_at === null ? null : fromSeconds(subscription.ended_at),
  };
  return tools.db.stripeSubscription.upsert({
    where: { subscriptionId },
    create: {
      subscriptionId,
      organizationId,
      billedFrom: hourStart(fromSeconds(subscription.start_date)),
      ...current,
    },
    update: current,
    select: subscriptionColumns,
  });
}

function versionOf(subscription: Stripe.Subscription): number {
  const version = Number(subscription.metadata["sluice_version"]);
  return Number.isInteger(version) && version > 0 ? version : 1;
}
