import { randomUUID } from "node:crypto";
import Stripe from "stripe";
import type { Card } from "#server/billing/payments.ts";
import { asId, type Id } from "#server/std/id.ts";
import { underLock } from "./lock.ts";
import { idOf, type StripeTools } from "./tools.ts";

/** Written on a customer at Stripe: the way back from an event to an organization. */
export const ORGANIZATION_MARK = "organization_id";

/** The customer that an organization is at Stripe, made when there is none. */
export async function ensureCustomer(tools: StripeTools, organizationId: Id<"organization">): Promise<string> {
  const known = await customerIdOf(tools, organizationId);
  if (known !== null) return known;
  return underLock(tools.locks, `customer:${organizationId}`, async () => {
    const meanwhile = await customerIdOf(tools, organizationId);
    if (meanwhile !== null) return meanwhile;
    const { id: customerId } = await createCustomer(tools, organizationId);
    await tools.db.stripeCustomer.create({ data: { organizationId, customerId }, select: { customerId: true } });
    return customerId;
  });
}

export async function customerIdOf(
  { db }: Pick<StripeTools, "db">,
  organizationId: Id<"organization">,
): Promise<string | null> {
  const row = await db.stripeCustomer.findUnique({ where: { organizationId }, select: { customerId: true } });
  return row?.customerId ?? null;
}

export async function organizationOf(
  { db }: Pick<StripeTools, "db">,
  customerId: string | null,
): Promise<Id<"organization"> | null> {
  if (customerId === null) return null;
  const row = await db.stripeCustomer.findUnique({ where: { customerId }, select: { organizationId: true } });
  return row ? asId("organization", row.organizationId) : null;
}

/** A key that stays the same finds the customer of an answer that was lost; one that holds a failure is left for a new one. */
async function createCustomer({ db, stripe }: StripeTools, organizationId: Id<"organization">) {
  const { name, members } = await db.organization.findUniqueOrThrow({
    where: { id: organizationId },
    select: {
      name: true,
      members: {
        where: { role: "owner" },
        orderBy: { createdAt: "asc" },
        take: 1,
        select: { user: { select: { email: true } } },
      },
    },
  });
  const email = members[0]?.user.email;
  const request = {
    name,
    metadata: { [ORGANIZATION_MARK]: organizationId },
    ...(email === undefined ? {} : { email }),
  };
  const key = `customer:${organizationId}`;
  try {
    return await stripe.customers.create(request, { idempotencyKey: key });
  } catch (error) {
    const isKept =
      error instanceof Stripe.errors.StripeAPIError || error instanceof Stripe.errors.StripeIdempotencyError;
    if (!isKept) throw error;
    return stripe.customers.create(request, { idempotencyKey: `${key}:${randomUUID()}` });
  }
}

/** Fetches a customer and writes down which card it pays with. Unknown ones are not ours. */
export async function mirrorCustomer(tools: StripeTools, customerId: string): Promise<Card | null> {
  const expand = ["invoice_settings.default_payment_method"];
  const customer = await tools.stripe.customers.retrieve(customerId, { expand });
  const method = customer.deleted ? null : customer.invoice_settings.default_payment_method;
  const card = cardOf(method === null || typeof method === "string" ? null : method);
  await tools.db.stripeCustomer.updateMany({
    where: { customerId },
    data: {
      cardBrand: card?.brand ?? null,
      cardLast4: card?.last4 ?? null,
      cardExpires: card?.expires ?? null,
      ...(customer.deleted ? { parkedBecause: "The customer was deleted at Stripe." } : {}),
    },
  });
  return card;
}

function cardOf(method: Stripe.PaymentMethod | null): Card | null {
  const card = method?.card;
  if (!card) return null;
  return {
    brand: card.brand,
    last4: card.last4,
    expires: `${String(card.exp_month).padStart(2, "0")}/${card.exp_year}`,
  };
}

/** The card as it was fetched last: a page that shows it does not wait for Stripe. */
export async function mirroredCard(
  { db }: Pick<StripeTools, "db">,
  organizationId: Id<"organization">,
): Promise<Card | null> {
  const row = await db.stripeCustomer.findUnique({
    where: { organizationId },
    select: { cardBrand: true, cardLast4: true, cardExpires: true },
  });
  if (!row || row.cardBrand === null || row.cardLast4 === null) return null;
  return { brand: row.cardBrand, last4: row.cardLast4, expires: row.cardExpires ?? "" };
}

/**
 * Makes a saved card the one that invoices are charged to, unless a card that was saved later is: word of an earlier page may
 * come after a later page was used. Doing it twice changes nothing.
 */
export async function chargeFrom(
  { stripe }: StripeTools,
  of: { customerId: string; paymentMethod: string },
): Promise<void> {
  const customer = await stripe.customers.retrieve(of.customerId);
  if (customer.deleted) return;
  const current = idOf(customer.invoice_settings.default_payment_method);
  if (current === of.paymentMethod) return;
  if (current !== null) {
    const [present, other] = [
      await stripe.paymentMethods.retrieve(current),
      await stripe.paymentMethods.retrieve(of.paymentMethod),
    ];
    if (present.created > other.created) return;
  }
  await stripe.customers.update(
    of.customerId,
    { invoice_settings: { default_payment_method: of.paymentMethod } },
    { idempotencyKey: `default:${of.customerId}:${of.paymentMethod}:${randomUUID()}` },
  );
}
