import { randomUUID } from "node:crypto";
import type Stripe from "stripe";
import { versionAt, type PriceBook, type PriceVersion } from "#server/billing/price-book.ts";
import { loadPriceBook } from "#server/billing/price-versions.ts";
import { monthStart } from "#server/std/clock.ts";
import { messageOf } from "#server/std/fault.ts";
import { meaningOf, parts } from "./catalog.ts";
import { pricesOf } from "./setup.ts";
import { mirrorSubscription, subscriptionColumns, type SubscriptionRow } from "./subscription-mirror.ts";
import { nowOf, toSeconds, type StripeTools } from "./tools.ts";

/** Ends subscriptions whose last month has its final invoice. Before that one would lose the last hours' usage. Returns how many ended. */
export async function endSubscriptions(tools: StripeTools): Promise<number> {
  const leaving = await tools.db.stripeSubscription.findMany({
    where: { endedAt: null, billedTo: { lte: nowOf(tools) } },
    select: subscriptionColumns,
  });
  let ended = 0;
  for (const { subscriptionId, billedTo } of leaving) {
    if (billedTo === null) continue;
    const last = await tools.db.stripeInvoice.findFirst({
      where: { subscriptionId, reason: "subscription_cycle", periodTo: billedTo },
      select: { status: true },
    });
    if (!last || last.status === "draft") continue;
    await tools.stripe.subscriptions.cancel(
      subscriptionId,
      { invoice_now: false, prorate: false },
      { idempotencyKey: `end:${subscriptionId}:${randomUUID()}` },
    );
    await mirrorSubscription(tools, subscriptionId);
    ended += 1;
  }
  return ended;
}

/**
 * Brings subscriptions to the prices with which the month began. It is done before an hour of the month is told, since
 * Stripe drops what it was told under prices that go; prices that change within a month are put right on its invoice.
 */
export async function turnPrices(tools: StripeTools, monthAt: Date): Promise<void> {
  const book = await loadPriceBook(tools.db);
  const version = versionAt(book, monthAt);
  const behind = await tools.db.stripeSubscription.findMany({
    where: { endedAt: null, billedTo: null, billedFrom: { lt: monthAt }, priceVersion: { lt: version.version } },
    select: subscriptionColumns,
  });
  for (const row of behind) await turnOne(tools, row, { book, version, monthAt });
}

type Turn = { book: PriceBook; version: PriceVersion; monthAt: Date };

async function turnOne(tools: StripeTools, row: SubscriptionRow, { book, version, monthAt }: Turn): Promise<void> {
  const { subscriptionId, organizationId } = row;
  const told = await tools.db.stripeOutbox.findFirst({
    where: { organizationId, hourAt: { gte: monthAt }, OR: [{ state: "delivered" }, { attempts: { gt: 0 } }] },
    select: { position: true },
  });
  if (told) return;
  const subscription = await tools.stripe.subscriptions.retrieve(subscriptionId);
  // While Stripe still has the old month under way, new prices would take the old month's usage with them.
  if (!subscription.items.data.every((item) => item.current_period_start >= toSeconds(monthAt)))
    throw new Error(`Stripe has not begun ${monthAt.toISOString().slice(0, 7)} for ${subscriptionId} yet`);
  const plan = subscription.metadata["sluice_plan"] ?? "pro";
  const prices = await pricesOf(tools.stripe, book, { plan, version: version.version });
  const items = subscription.items.data.flatMap((item): Stripe.SubscriptionUpdateParams.Item[] => {
    const part = parts.find((one) => one === meaningOf(item.price)?.part);
    return part ? [{ id: item.id, price: prices[part].id }] : [];
  });
  await tools.stripe.subscriptions.update(
    subscriptionId,
    { items, proration_behavior: "none", metadata: { sluice_version: String(version.version) } },
    { idempotencyKey: `turn:${subscriptionId}:${version.version}:${randomUUID()}` },
  );
  await mirrorSubscription(tools, subscriptionId);
}

/** The prices of the month that runs. A subscription that can't be turned yet is told no hour of it (outbox.ts asks first). */
export async function turnThisMonth(tools: StripeTools): Promise<boolean> {
  try {
    await turnPrices(tools, monthStart(nowOf(tools)));
    return true;
  } catch (error) {
    tools.log.warn({ err: messageOf(error) }, "new prices could not be put in force at Stripe yet");
    return false;
  }
}
