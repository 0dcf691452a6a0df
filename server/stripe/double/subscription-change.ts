import { z } from "zod";
import type { Call, Endpoints } from "./endpoints.ts";
import { emit } from "./events.ts";
import { subscriptionHint } from "./invoice-life.ts";
import { licenseLine, monthAround, usageLine } from "./invoice-lines.ts";
import { expand, flag, integer, mergeMetadata, metadata, read, text } from "./reading.ts";
import { missing, Refusal } from "./refusal.ts";
import type { Wire } from "./shape.ts";
import { endSubscription, setAside, unusedOf } from "./subscription-end.ts";
import { itemsOf, subscriptionAnswer, subscriptionOf } from "./subscriptions.ts";
import type { Subscription, SubscriptionItem, World } from "./world.ts";

const changedItem = z.strictObject({
  id: text.optional(),
  price: text.optional(),
  quantity: integer.optional(),
  deleted: flag.optional(),
});

/** Other prices for items: a licensed one is prorated, and usage of a metered one that goes is billed as an invoice item, unless nothing may be. */
function updateSubscription({ world, ids: [id = ""], form }: Call): { [name: string]: Wire } {
  const subscription = subscriptionOf(world, id);
  const given = read(form, {
    items: z.array(changedItem).optional(),
    proration_behavior: z.enum(["create_prorations", "none"]).optional(),
    cancel_at_period_end: flag.optional(),
    default_payment_method: text.optional(),
    metadata: metadata.optional(),
    expand,
  });
  if (subscription.status === "canceled")
    throw new Refusal(400, "A canceled subscription can only update its cancellation_details and metadata.");
  const bills = given.proration_behavior !== "none";
  for (const change of given.items ?? []) changeItem(world, subscription, { change, bills });
  subscription.cancelAtPeriodEnd = given.cancel_at_period_end ?? subscription.cancelAtPeriodEnd;
  subscription.defaultPaymentMethod = given.default_payment_method ?? subscription.defaultPaymentMethod;
  mergeMetadata(subscription.metadata, given.metadata);
  emit(world, "customer.subscription.updated", subscriptionHint(subscription));
  return subscriptionAnswer(world, subscription);
}

type ItemChange = { change: z.infer<typeof changedItem>; bills: boolean };

function changeItem(world: World, subscription: Subscription, { change, bills }: ItemChange): void {
  const old = subscription.items.find((item) => item.id === change.id);
  if (change.id !== undefined && !old) throw missing("subscription item", change.id, "items");
  if (old && bills) billLeaving(world, subscription, old);
  if (change.deleted === true) subscription.items = subscription.items.filter((item) => item !== old);
  else putItem(world, subscription, { change, bills, old });
}

function putItem(
  world: World,
  subscription: Subscription,
  put: ItemChange & { old: SubscriptionItem | undefined },
): void {
  const { change, bills, old } = put;
  const period = { start: world.now, end: subscription.items[0]?.periodEnd ?? monthAround(world.now).end };
  const [fresh] = itemsOf(world, [{ price: change.price ?? old?.price ?? "", quantity: change.quantity }], period);
  if (!fresh) return;
  if (bills && fresh.quantity !== null)
    setAside(world, subscription, { cents: licenseLine(world, fresh, period).cents, description: "Remaining time" });
  if (!old) subscription.items.push(fresh);
  else replaceItem(old, fresh);
}

/** An item whose price changes keeps its id; its usage counts from now on. */
function replaceItem(old: SubscriptionItem, { price, quantity, periodStart }: SubscriptionItem): void {
  Object.assign(old, { price, quantity, periodStart: quantity === null ? periodStart : old.periodStart });
}

function billLeaving(world: World, subscription: Subscription, item: SubscriptionItem): void {
  if (item.quantity === null) {
    const used = usageLine(world, subscription, item, { start: item.periodStart, end: world.now });
    if (used.cents !== 0n) setAside(world, subscription, { cents: used.cents, description: used.description });
    return;
  }
  setAside(world, subscription, { cents: -unusedOf(world, item), description: "Unused time" });
}

function cancelSubscription({ world, ids: [id = ""], form }: Call): { [name: string]: Wire } {
  const given = read(form, { invoice_now: flag.optional(), prorate: flag.optional(), expand });
  const subscription = subscriptionOf(world, id);
  if (subscription.status === "canceled") throw missing("subscription", id);
  endSubscription(world, subscription, { invoicesNow: given.invoice_now === true, prorates: given.prorate === true });
  return subscriptionAnswer(world, subscription);
}

export const subscriptionChangeEndpoints: Endpoints = {
  "POST /v1/subscriptions/{}": updateSubscription,
  "DELETE /v1/subscriptions/{}": cancelSubscription,
};
