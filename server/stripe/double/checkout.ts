import { z } from "zod";
import { customerAnswer, customerOf, paymentMethodAnswer } from "./customers.ts";
import type { Endpoints } from "./endpoints.ts";
import { emit } from "./events.ts";
import { expand, expandable, integer, metadata, read, text } from "./reading.ts";
import { missing, Refusal } from "./refusal.ts";
import type { Wire } from "./shape.ts";
import type { CheckoutSession, Customer, PaymentMethod, SetupIntent, World } from "./world.ts";

const OPEN_SECONDS = 86_400;

/** Stripe's own test cards. The third can be saved and declines every charge. */
const cards = {
  "4242424242424242": { brand: "visa", saves: true, declines: false },
  "5555555555554444": { brand: "mastercard", saves: true, declines: false },
  "4000000000000341": { brand: "visa", saves: true, declines: true },
  "4000000000000002": { brand: "visa", saves: false, declines: true },
} as const;

export function sessionOf(world: World, id: string): CheckoutSession {
  const session = world.checkouts.get(id);
  if (!session) throw missing("checkout.session", id);
  if (session.status === "open" && session.expiresAt <= world.now) {
    session.status = "expired";
    emit(world, "checkout.session.expired", sessionAnswer(world, session));
  }
  return session;
}

function sessionAnswer(world: World, session: CheckoutSession): { [name: string]: Wire } {
  return {
    id: session.id,
    object: "checkout.session",
    cancel_url: session.cancelUrl,
    created: session.created,
    currency: "usd",
    customer: session.customer,
    expires_at: session.expiresAt,
    livemode: false,
    metadata: session.metadata,
    mode: "setup",
    payment_method_types: ["card"],
    payment_status: "no_payment_required",
    setup_intent: session.setupIntent,
    status: session.status,
    success_url: session.successUrl,
    url: session.status === "open" ? `${world.origin}/c/pay/${session.id}` : null,
  };
}

function setupIntentAnswer(intent: SetupIntent): { [name: string]: Wire } {
  return {
    id: intent.id,
    object: "setup_intent",
    created: intent.created,
    customer: intent.customer,
    livemode: false,
    metadata: intent.metadata,
    payment_method: intent.paymentMethod,
    payment_method_types: ["card"],
    status: intent.status,
    usage: "off_session",
  };
}

/** Saves a card for a customer. Returns the message that the page shows when the bank says no. */
export function saveCard(world: World, customer: Customer, number: string): PaymentMethod | string {
  const digits = number.replaceAll(/\s/g, "");
  const card = Object.entries(cards).find(([known]) => known === digits)?.[1];
  if (!card) return "Your card number is invalid.";
  if (!card.saves) return "Your card was declined.";
  const method: PaymentMethod = {
    id: world.newId("pm"),
    created: world.now,
    customer: customer.id,
    brand: card.brand,
    last4: digits.slice(-4),
    declines: card.declines,
  };
  world.paymentMethods.set(method.id, method);
  emit(world, "payment_method.attached", paymentMethodAnswer(method));
  return method;
}

/** What the browser does on the Checkout page. Returns where it goes next, or what the page says instead. */
export function completeCheckout(world: World, id: string, number: string): { location: string } | { message: string } {
  const session = sessionOf(world, id);
  const intent = world.setupIntents.get(session.setupIntent);
  const customer = world.customers.get(session.customer);
  if (session.status !== "open" || !intent || !customer) return { message: "This page has expired." };
  const saved = saveCard(world, customer, number);
  if (typeof saved === "string") {
    intent.lastError = saved;
    emit(world, "setup_intent.setup_failed", setupIntentAnswer(intent));
    return { message: saved };
  }
  intent.status = "succeeded";
  intent.paymentMethod = saved.id;
  session.status = "complete";
  emit(world, "setup_intent.succeeded", setupIntentAnswer(intent));
  emit(world, "checkout.session.completed", sessionAnswer(world, session));
  return { location: session.successUrl.replace("{CHECKOUT_SESSION_ID}", session.id) };
}

/** What the browser does on the portal's page for cards: the new card is what invoices are charged to from now on. */
export function changeCard(
  world: World,
  portalSession: string,
  number: string,
): { location: string } | { message: string } {
  const session = world.portalSessions.get(portalSession);
  const customer = session && world.customers.get(session.customer);
  if (!session || !customer) return { message: "This page has expired." };
  const saved = saveCard(world, customer, number);
  if (typeof saved === "string") return { message: saved };
  customer.defaultPaymentMethod = saved.id;
  emit(world, "customer.updated", customerAnswer(customer));
  return { location: session.returnUrl ?? "/" };
}

export const checkoutEndpoints: Endpoints = {
  "POST /v1/checkout/sessions": ({ world, form }) => {
    const given = read(form, {
      mode: z.literal("setup"),
      currency: text.optional(),
      customer: text,
      success_url: text,
      cancel_url: text.optional(),
      setup_intent_data: z.strictObject({ metadata: metadata.optional(), description: text.optional() }).optional(),
      metadata: metadata.optional(),
      expires_at: integer.optional(),
    });
    const customer = customerOf(world, given.customer);
    if (given.currency === undefined)
      throw new Refusal(400, "`currency` is required in `setup` mode without `payment_method_types`.", {
        param: "currency",
      });
    for (const url of [given.success_url, given.cancel_url ?? given.success_url])
      if (!URL.canParse(url)) throw new Refusal(400, "Not a valid URL", { code: "url_invalid", param: "success_url" });
    const intent: SetupIntent = {
      id: world.newId("seti"),
      created: world.now,
      customer: customer.id,
      metadata: given.setup_intent_data?.metadata ?? {},
      status: "requires_payment_method",
      paymentMethod: null,
      lastError: null,
    };
    const session: CheckoutSession = {
      id: world.newId("cs_test"),
      created: world.now,
      expiresAt: given.expires_at ?? world.now + OPEN_SECONDS,
      customer: customer.id,
      setupIntent: intent.id,
      successUrl: given.success_url,
      cancelUrl: given.cancel_url ?? null,
      metadata: given.metadata ?? {},
      status: "open",
    };
    world.setupIntents.set(intent.id, intent);
    world.checkouts.set(session.id, session);
    emit(world, "setup_intent.created", setupIntentAnswer(intent));
    return sessionAnswer(world, session);
  },
  "GET /v1/checkout/sessions/{}": ({ world, ids: [id = ""], form }) => {
    const { expand: expanded } = read(form, { expand: expandable("setup_intent") });
    const session = sessionOf(world, id);
    const intent = world.setupIntents.get(session.setupIntent);
    const answer = sessionAnswer(world, session);
    return expanded?.includes("setup_intent") === true && intent
      ? { ...answer, setup_intent: setupIntentAnswer(intent) }
      : answer;
  },
  "GET /v1/setup_intents/{}": ({ world, ids: [id = ""], form }) => {
    read(form, { expand });
    const intent = world.setupIntents.get(id);
    if (!intent) throw missing("setupintent", id);
    return setupIntentAnswer(intent);
  },
};
