import { z } from "zod";
import { isMetered, priceAnswer, priceOf } from "./catalog.ts";
import { customerOf, paymentMethodOf } from "./customers.ts";
import type { Call, Endpoints } from "./endpoints.ts";
import { emit } from "./events.ts";
import { invoiceAnswer } from "./invoice-answer.ts";
import { collect, draftInvoice, finalize, subscriptionHint } from "./invoice-life.ts";
import { licenseLine, monthAround, pendingItems, pendingLine } from "./invoice-lines.ts";
import { expand, expandable, flag, integer, listAnswer, metadata, page, pageOf, read, text } from "./reading.ts";
import { missing, Refusal } from "./refusal.ts";
import type { Wire } from "./shape.ts";
import type { InvoiceLine, Subscription, SubscriptionItem, World } from "./world.ts";

const ITEMS_MAX = 20;

export function subscriptionOf(world: World, id: string): Subscription {
  const subscription = world.subscriptions.get(id);
  if (!subscription) throw missing("subscription", id);
  return subscription;
}

export function subscriptionAnswer(world: World, subscription: Subscription): { [name: string]: Wire } {
  const items = subscription.items.map((item) => ({
    id: item.id,
    object: "subscription_item",
    created: item.created,
    current_period_end: item.periodEnd,
    current_period_start: item.periodStart,
    metadata: {},
    price: priceAnswer(priceOf(world, item.price)),
    subscription: subscription.id,
    ...(item.quantity === null ? {} : { quantity: item.quantity }),
  }));
  return {
    id: subscription.id,
    object: "subscription",
    billing_cycle_anchor: subscription.anchor,
    billing_mode: { type: "flexible", flexible: null },
    cancel_at_period_end: subscription.cancelAtPeriodEnd,
    canceled_at: subscription.canceledAt,
    collection_method: "charge_automatically",
    created: subscription.created,
    currency: "usd",
    customer: subscription.customer,
    default_payment_method: subscription.defaultPaymentMethod,
    ended_at: subscription.canceledAt,
    items: listAnswer(items, `/v1/subscription_items?subscription=${subscription.id}`),
    latest_invoice: subscription.latestInvoice,
    livemode: false,
    metadata: subscription.metadata,
    start_date: subscription.startDate,
    status: subscription.status,
  };
}

const newItem = z.strictObject({ price: text, quantity: integer.optional(), metadata: metadata.optional() });

export function itemsOf(
  world: World,
  given: z.infer<typeof newItem>[],
  period: { start: number; end: number },
): SubscriptionItem[] {
  if (given.length === 0 || given.length > ITEMS_MAX)
    throw new Refusal(400, `A subscription has 1 to ${ITEMS_MAX} items.`, { param: "items" });
  return given.map(({ price: id, quantity }, index) => {
    const price = priceOf(world, id, `items[${index}][price]`);
    if (!price.isActive)
      throw new Refusal(400, `The price \`${id}\` is not active.`, { param: `items[${index}][price]` });
    if (!price.recurring)
      throw new Refusal(400, `The price \`${id}\` is not recurring.`, { param: `items[${index}][price]` });
    if (isMetered(price) && quantity !== undefined)
      throw new Refusal(400, `Quantity should not be specified where usage_type is \`metered\`.`, {
        param: `items[${index}][quantity]`,
      });
    return {
      id: world.newId("si"),
      created: world.now,
      price: id,
      quantity: isMetered(price) ? null : (quantity ?? 1),
      periodStart: period.start,
      periodEnd: period.end,
    };
  });
}

const newSubscription = {
  customer: text,
  items: z.array(newItem),
  billing_mode: z.strictObject({ type: z.literal("flexible") }).optional(),
  billing_cycle_anchor_config: z.strictObject({
    day_of_month: z.literal("1"),
    hour: z.literal("0"),
    minute: z.literal("0"),
    second: z.literal("0"),
  }),
  backdate_start_date: integer.optional(),
  payment_behavior: z.enum(["error_if_incomplete", "allow_incomplete"]).optional(),
  proration_behavior: z.enum(["create_prorations", "none"]).optional(),
  off_session: flag.optional(),
  default_payment_method: text.optional(),
  metadata: metadata.optional(),
  expand,
};

function createSubscription({ world, form }: Call): { [name: string]: Wire } {
  const given = read(form, newSubscription);
  const customer = customerOf(world, given.customer);
  const method = given.default_payment_method ?? null;
  if (method !== null && paymentMethodOf(world, method).customer !== customer.id)
    throw missing("PaymentMethod", method, "default_payment_method");
  const start = given.backdate_start_date ?? world.now;
  if (start > world.now)
    throw new Refusal(400, "backdate_start_date must be in the past.", { param: "backdate_start_date" });
  const period = { start, end: monthAround(world.now).end };
  const subscription: Subscription = {
    id: world.newId("sub"),
    created: world.now,
    startDate: start,
    customer: customer.id,
    status: "active",
    items: itemsOf(world, given.items, period),
    anchor: period.end,
    metadata: given.metadata ?? {},
    canceledAt: null,
    cancelAtPeriodEnd: false,
    latestInvoice: null,
    defaultPaymentMethod: method,
  };
  if (given.payment_behavior === "error_if_incomplete") checkCard(world, method ?? customer.defaultPaymentMethod);
  world.subscriptions.set(subscription.id, subscription);
  const licensed =
    given.proration_behavior === "none" ? [] : subscription.items.filter((item) => item.quantity !== null);
  invoiceFirst(
    world,
    subscription,
    licensed.map((item) => licenseLine(world, item, period)),
  );
  emit(world, "customer.subscription.created", subscriptionHint(subscription));
  return subscriptionAnswer(world, subscription);
}

/** Nothing is begun that the card would not pay for. */
function checkCard(world: World, id: string | null): void {
  const card = id === null ? undefined : world.paymentMethods.get(id);
  if (!card)
    throw new Refusal(400, "This customer has no attached payment source or default payment method.", {
      code: "resource_missing",
    });
  if (card.declines)
    throw new Refusal(402, "Your card was declined.", {
      type: "card_error",
      code: "card_declined",
      decline: "generic_decline",
    });
}

function invoiceFirst(world: World, subscription: Subscription, lines: InvoiceLine[]): void {
  const at = subscription.startDate;
  const invoice = draftInvoice(world, {
    customer: subscription.customer,
    subscription: subscription.id,
    reason: "subscription_create",
    lines: [...pendingItems(world, subscription.customer).map(pendingLine), ...lines],
    periodStart: at,
    periodEnd: at,
  });
  subscription.latestInvoice = invoice.id;
  finalize(world, invoice);
  if (collect(world, invoice) !== undefined) subscription.status = "incomplete";
}

export const subscriptionEndpoints: Endpoints = {
  "POST /v1/subscriptions": createSubscription,
  "GET /v1/subscriptions": ({ world, form }) => {
    const given = read(form, {
      ...page,
      customer: text.optional(),
      status: z.enum(["all", "active", "canceled"]).optional(),
    });
    const all = [...world.subscriptions.values()].filter(
      (one) =>
        (given.customer === undefined || one.customer === given.customer) &&
        (given.status === "all" ||
          (given.status === undefined ? one.status !== "canceled" : one.status === given.status)),
    );
    const { items, hasMore } = pageOf(all.toReversed(), given);
    return listAnswer(
      items.map((one) => subscriptionAnswer(world, one)),
      "/v1/subscriptions",
      hasMore,
    );
  },
  "GET /v1/subscriptions/{}": ({ world, ids: [id = ""], form }) => {
    const { expand: expanded } = read(form, { expand: expandable("latest_invoice") });
    const subscription = subscriptionOf(world, id);
    const latest = subscription.latestInvoice === null ? undefined : world.invoices.get(subscription.latestInvoice);
    const answer = subscriptionAnswer(world, subscription);
    return expanded && latest ? { ...answer, latest_invoice: invoiceAnswer(world, latest) } : answer;
  },
};
