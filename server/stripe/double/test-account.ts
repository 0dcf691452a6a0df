import Stripe from "stripe";
import { StripeDouble, TEST_KEY, type DoubleOptions } from "./double.ts";
import { API_VERSION } from "./events.ts";

/** The official SDK, talking to a double as it would to Stripe. */
export function sdkFor(double: StripeDouble): Stripe {
  const { hostname, port } = new URL(double.url);
  return new Stripe(TEST_KEY, {
    apiVersion: API_VERSION,
    host: hostname,
    port: Number(port),
    protocol: "http",
    telemetry: false,
    maxNetworkRetries: 0,
    timeout: 2_000,
  });
}

export type TestAccount = AsyncDisposable & { double: StripeDouble; stripe: Stripe };

/** An account whose clock stands at noon of 24 November 2026 until it is moved. Disposing fails when the double was used beyond what it models. */
export async function testAccount(options: DoubleOptions = {}): Promise<TestAccount> {
  const double = await StripeDouble.start({ nowMs: Date.parse("2026-11-24T12:00:00Z"), ...options });
  return {
    double,
    stripe: sdkFor(double),
    async [Symbol.asyncDispose]() {
      await double.stop();
      if (double.mistakes.length > 0) throw new Error(`the double's own mistakes:\n${double.mistakes.join("\n")}`);
    },
  };
}

/** What a meter and its price are made with in tests of single rules. */
export async function meteredPrice(
  stripe: Stripe,
  included = 1_000,
): Promise<{ meter: Stripe.Billing.Meter; price: Stripe.Price }> {
  const meter = await stripe.billing.meters.create({
    display_name: "Requests",
    event_name: "requests",
    default_aggregation: { formula: "sum" },
    event_time_window: "hour",
  });
  const product = await stripe.products.create({ name: "Requests" });
  const price = await stripe.prices.create({
    currency: "usd",
    product: product.id,
    recurring: { interval: "month", usage_type: "metered", meter: meter.id },
    billing_scheme: "tiered",
    tiers_mode: "graduated",
    tiers: [
      { up_to: included, unit_amount_decimal: Stripe.Decimal.from("0") },
      { up_to: "inf", unit_amount_decimal: Stripe.Decimal.from("0.5") },
    ],
  });
  return { meter, price };
}

/** A fee of 5 dollars a month. */
export async function licensedPrice(stripe: Stripe): Promise<Stripe.Price> {
  const product = await stripe.products.create({ name: "Pro" });
  return stripe.prices.create({
    currency: "usd",
    product: product.id,
    recurring: { interval: "month" },
    unit_amount: 500,
  });
}

/** A customer with a card that pays, or with one that is saved and then declines. */
export async function customerWithCard(
  { stripe, double }: TestAccount,
  number = "4242 4242 4242 4242",
): Promise<Stripe.Customer> {
  const customer = await stripe.customers.create({ name: "Acme" });
  const session = await stripe.checkout.sessions.create({
    mode: "setup",
    currency: "usd",
    customer: customer.id,
    success_url: "http://127.0.0.1:9/back?session={CHECKOUT_SESSION_ID}",
  });
  await fetch(session.url ?? "", {
    method: "POST",
    redirect: "manual",
    body: new URLSearchParams({ cardnumber: number }),
  });
  const card = [...double.world.paymentMethods.values()].at(-1);
  if (!card) throw new Error("the card was not saved");
  return stripe.customers.update(customer.id, { invoice_settings: { default_payment_method: card.id } });
}

export function subscribe(
  stripe: Stripe,
  customer: Stripe.Customer,
  prices: Stripe.Price[],
): Promise<Stripe.Subscription> {
  return stripe.subscriptions.create({
    customer: customer.id,
    items: prices.map(({ id }) => ({ price: id })),
    billing_mode: { type: "flexible" },
    billing_cycle_anchor_config: { day_of_month: 1, hour: 0, minute: 0, second: 0 },
    payment_behavior: "error_if_incomplete",
  });
}

/** One hour's total of a customer, sent as an event. */
export function sendHour(
  stripe: Stripe,
  event: { customer: string; hour: string; value: bigint; identifier: string; meter?: string },
): Promise<Stripe.Billing.MeterEvent> {
  return stripe.billing.meterEvents.create(
    {
      event_name: event.meter ?? "requests",
      identifier: event.identifier,
      timestamp: Date.parse(event.hour) / 1000 + 1_800,
      payload: { stripe_customer_id: event.customer, value: String(event.value) },
    },
    { idempotencyKey: event.identifier },
  );
}
