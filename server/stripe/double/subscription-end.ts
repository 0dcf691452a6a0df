import { emit } from "./events.ts";
import { addInvoiceItem } from "./invoice-items.ts";
import { collect, draftInvoice, finalize, settleSubscription, subscriptionHint } from "./invoice-life.ts";
import { cycleLines, monthAround, pendingItems, pendingLine, usageLine } from "./invoice-lines.ts";
import { priceOf } from "./catalog.ts";
import { shareOf, toCents } from "./amounts.ts";
import type { Subscription, SubscriptionItem, World } from "./world.ts";

export function unusedOf(world: World, item: SubscriptionItem): bigint {
  const month = monthAround(item.periodEnd - 1);
  const full = toCents((priceOf(world, item.price).unit ?? 0n) * BigInt(item.quantity ?? 1));
  return shareOf(full, item.periodEnd - world.now, month.end - month.start);
}

export function setAside(world: World, subscription: Subscription, what: { cents: bigint; description: string }): void {
  const span = { start: world.now, end: subscription.items[0]?.periodEnd ?? world.now };
  const { customer, id } = subscription;
  addInvoiceItem(world, { customer, subscription: id, ...what, metadata: {}, ...span, isProration: true });
}

/** Usage that no invoice takes in when a subscription ends is on none. */
export function endSubscription(
  world: World,
  subscription: Subscription,
  how: { invoicesNow: boolean; prorates: boolean },
): void {
  if (how.prorates)
    for (const item of subscription.items)
      if (item.quantity !== null)
        setAside(world, subscription, { cents: -unusedOf(world, item), description: "Unused time" });
  subscription.status = "canceled";
  subscription.canceledAt = world.now;
  // Stripe then finalizes no draft of it by itself any more.
  for (const invoice of world.invoices.values())
    if (invoice.subscription === subscription.id && invoice.status === "draft") invoice.autoAdvance = false;
  if (how.invoicesNow) {
    const metered = subscription.items.filter((item) => item.quantity === null);
    const usage = metered.map((item) =>
      usageLine(world, subscription, item, { start: item.periodStart, end: world.now }),
    );
    const lines = [...pendingItems(world, subscription.customer).map(pendingLine), ...usage];
    const start = subscription.items[0]?.periodStart ?? world.now;
    const invoice = draftInvoice(world, {
      customer: subscription.customer,
      subscription: subscription.id,
      reason: "subscription_update",
      lines,
      periodStart: start,
      periodEnd: world.now,
    });
    subscription.latestInvoice = invoice.id;
    finalize(world, invoice);
    collect(world, invoice);
  }
  emit(world, "customer.subscription.deleted", subscriptionHint(subscription));
}

/** Ends the periods that are over: a draft invoice a subscription, and the next period. Called when the clock moves. */
export function endPeriods(world: World): void {
  for (const subscription of world.subscriptions.values()) {
    const [first] = subscription.items;
    if (
      subscription.status === "canceled" ||
      subscription.status === "incomplete" ||
      !first ||
      first.periodEnd > world.now
    )
      continue;
    const end = first.periodEnd;
    if (subscription.cancelAtPeriodEnd) {
      endSubscription(world, subscription, { invoicesNow: false, prorates: false });
      continue;
    }
    const lines = cycleLines(world, subscription, end);
    const invoice = draftInvoice(world, {
      customer: subscription.customer,
      subscription: subscription.id,
      reason: "subscription_cycle",
      lines,
      periodStart: first.periodStart,
      periodEnd: end,
    });
    if (subscription.status === "unpaid") invoice.autoAdvance = false;
    subscription.latestInvoice = invoice.id;
    for (const item of subscription.items) Object.assign(item, { periodStart: end, periodEnd: monthAround(end).end });
    emit(world, "customer.subscription.updated", subscriptionHint(subscription));
  }
}

/** Finalizes drafts whose time has come, and charges again what was declined. */
export function advanceInvoices(world: World): void {
  for (const invoice of world.invoices.values()) {
    if (
      invoice.status === "draft" &&
      invoice.autoAdvance &&
      invoice.finalizesAt !== null &&
      invoice.finalizesAt <= world.now
    ) {
      if (waitsForWebhook(world, invoice)) continue;
      finalize(world, invoice);
      collect(world, invoice);
      settleSubscription(world, invoice);
    } else if (invoice.status === "open" && invoice.nextAttemptAt !== null && invoice.nextAttemptAt <= world.now) {
      collect(world, invoice);
      settleSubscription(world, invoice);
    }
  }
}

const WEBHOOK_WAIT_SECONDS = 72 * 3_600;

/** Stripe puts finalizing off until invoice.created was answered with 2xx, for three days at most. */
function waitsForWebhook(world: World, invoice: { createdEvent: string; created: number }): boolean {
  const event = world.events.get(invoice.createdEvent);
  return event !== undefined && !event.wasDelivered && world.now < invoice.created + WEBHOOK_WAIT_SECONDS;
}
