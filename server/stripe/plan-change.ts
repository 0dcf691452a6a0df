import { randomUUID } from "node:crypto";
import Stripe from "stripe";
import { refreshBudget } from "#server/billing/budget.ts";
import type { PlanChange } from "#server/billing/payments.ts";
import { applyPlan } from "#server/billing/plan-terms.ts";
import { versionAt } from "#server/billing/price-book.ts";
import { loadPriceBook } from "#server/billing/price-versions.ts";
import type { PlanName } from "#server/db/generated/enums.ts";
import { hourStart, nextMonthStart } from "#server/std/clock.ts";
import type { Id } from "#server/std/id.ts";
import { currentCard, openCardSetup } from "./card-setup.ts";
import { parts, type Part } from "./catalog.ts";
import { ensureCustomer, ORGANIZATION_MARK } from "./customer.ts";
import { underLock } from "./lock.ts";
import { pricesOf } from "./setup.ts";
import { mirrorSubscription, runningSubscription } from "./subscription-mirror.ts";
import { nowOf, toSeconds, type StripeTools } from "./tools.ts";

type Change = { organizationId: Id<"organization">; returnUrl: string };

/**
 * Changes an organization's plan, one change at a time. More holds from the hour that runs: its subscription is dated
 * back to it. Less holds from the next month: this month's fee is paid, and next month's is taken out of the subscription,
 * which goes on until its last invoice is final, so that the last hours' usage is still on it.
 */
export async function changePlan(tools: StripeTools, plan: PlanName, change: Change): Promise<PlanChange> {
  const version = versionAt(await loadPriceBook(tools.db), nowOf(tools));
  const isBilled = version.plans[plan].overage === "billed";
  // Before the lock, since it may take one itself.
  if (isBilled) await ensureCustomer(tools, change.organizationId);
  return underLock(tools.locks, `plan:${change.organizationId}`, () =>
    isBilled ? moveUp(tools, { ...change, plan, version: version.version }) : moveDown(tools, { ...change, plan }),
  );
}

type MoveUp = Change & { plan: PlanName; version: number };

async function moveUp(tools: StripeTools, change: MoveUp): Promise<PlanChange> {
  const { organizationId, returnUrl } = change;
  const running = await runningSubscription(tools, organizationId);
  if (running) await keepFee(tools, running.subscriptionId);
  else {
    const payable = await subscribe(tools, change);
    if (!payable) return { kind: "payment_required", ...(await openCardSetup(tools, organizationId, returnUrl)) };
  }
  await decide(tools, { organizationId, plan: change.plan });
  return { kind: "applied" };
}

async function moveDown(tools: StripeTools, change: Change & { plan: PlanName }): Promise<PlanChange> {
  const running = await runningSubscription(tools, change.organizationId);
  if (running) await dropFee(tools, running.subscriptionId);
  await decide(tools, change);
  return { kind: "applied" };
}

async function decide(
  { db, clock }: StripeTools,
  of: { organizationId: Id<"organization">; plan: PlanName },
): Promise<void> {
  const { organizationId, plan } = of;
  const now = nowOf({ clock });
  await db.$transaction(async (tx) => {
    await applyPlan(tx, { organizationId, userId: null, plan, now });
    await refreshBudget(tx, { organizationId, now });
  });
}

/** Begins a subscription. False when there is no card, or the card says no. */
async function subscribe(tools: StripeTools, { organizationId, plan, version }: MoveUp): Promise<boolean> {
  const { stripe } = tools;
  const customer = await ensureCustomer(tools, organizationId);
  if ((await currentCard(tools, organizationId)) === null) return false;
  const lost = await unknownSubscription(tools, customer);
  if (lost) {
    await mirrorSubscription(tools, lost.id);
    return true;
  }
  const prices = await pricesOf(stripe, await loadPriceBook(tools.db), { plan, version });
  try {
    const { id } = await stripe.subscriptions.create(
      {
        customer,
        items: parts.map((part) => ({ price: prices[part].id })),
        billing_mode: { type: "flexible" },
        billing_cycle_anchor_config: { day_of_month: 1, hour: 0, minute: 0, second: 0 },
        backdate_start_date: toSeconds(hourStart(nowOf(tools))),
        payment_behavior: "error_if_incomplete",
        proration_behavior: "create_prorations",
        off_session: true,
        metadata: { [ORGANIZATION_MARK]: organizationId, sluice_version: String(version), sluice_plan: plan },
      },
      // A new key each time, as an answer that said no would be repeated under an old one; one whose answer was lost is found above.
      { idempotencyKey: `subscribe:${organizationId}:${randomUUID()}` },
    );
    await mirrorSubscription(tools, id);
    return true;
  } catch (error) {
    if (error instanceof Stripe.errors.StripeCardError) return false;
    throw error;
  }
}

/** A subscription that Stripe has and we don't: its answer was lost on the way. */
async function unknownSubscription(tools: StripeTools, customer: string): Promise<Stripe.Subscription | undefined> {
  const known = await tools.db.stripeSubscription.findMany({
    select: { subscriptionId: true },
    where: { endedAt: null },
  });
  const ids = new Set(known.map((row) => row.subscriptionId));
  for await (const one of tools.stripe.subscriptions.list({ customer, limit: 100 }))
    if (!ids.has(one.id) && one.status !== "canceled" && one.status !== "incomplete") return one;
  return undefined;
}

/** Takes the fee out of a subscription that is to end with the month, without giving back what is paid. */
async function dropFee(tools: StripeTools, subscriptionId: string): Promise<void> {
  const subscription = await tools.stripe.subscriptions.retrieve(subscriptionId);
  const fee = subscription.items.data.find((item) => partOf(item.price) === "fee");
  if (fee) await updateItems(tools, subscriptionId, [{ id: fee.id, deleted: true }]);
  await tools.db.stripeSubscription.update({
    where: { subscriptionId },
    data: { billedTo: nextMonthStart(nowOf(tools)) },
    select: { subscriptionId: true },
  });
}

/** Puts it back, where the change that would have taken it is taken back. This month's is paid. */
async function keepFee(tools: StripeTools, subscriptionId: string): Promise<void> {
  const subscription = await tools.stripe.subscriptions.retrieve(subscriptionId);
  const { sluice_plan: plan = "pro", sluice_version: version = "1" } = subscription.metadata;
  if (!subscription.items.data.some((item) => partOf(item.price) === "fee")) {
    const book = await loadPriceBook(tools.db);
    const prices = await pricesOf(tools.stripe, book, { plan, version: Number(version) });
    await updateItems(tools, subscriptionId, [{ price: prices.fee.id }]);
  }
  await tools.db.stripeSubscription.update({
    where: { subscriptionId },
    data: { billedTo: null },
    select: { subscriptionId: true },
  });
}

async function updateItems(
  { stripe }: StripeTools,
  subscriptionId: string,
  items: Stripe.SubscriptionUpdateParams.Item[],
): Promise<void> {
  await stripe.subscriptions.update(
    subscriptionId,
    { items, proration_behavior: "none" },
    { idempotencyKey: `items:${subscriptionId}:${randomUUID()}` },
  );
}

function partOf(price: Stripe.Price): Part | undefined {
  return parts.find((part) => part === price.metadata["sluice_part"]);
}
