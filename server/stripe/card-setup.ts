import { randomUUID } from "node:crypto";
import type { Card } from "#server/billing/payments.ts";
import { messageOf } from "#server/std/fault.ts";
import type { Id } from "#server/std/id.ts";
import { chargeFrom, ensureCustomer, mirrorCustomer, mirroredCard } from "./customer.ts";
import { idOf, type StripeTools } from "./tools.ts";

/** A page of Stripe's on which a card is added. The browser comes back to `returnUrl` either way. */
export async function openCardSetup(
  tools: StripeTools,
  organizationId: Id<"organization">,
  returnUrl: string,
): Promise<{ url: string }> {
  const customer = await ensureCustomer(tools, organizationId);
  const session = await tools.stripe.checkout.sessions.create(
    {
      mode: "setup",
      currency: "usd",
      customer,
      success_url: returnUrl,
      cancel_url: returnUrl,
      metadata: { organization_id: organizationId },
    },
    // Each visit has a page of its own: an old one may have been used, or have expired.
    { idempotencyKey: `card-setup:${organizationId}:${randomUUID()}` },
  );
  if (session.url === null) throw new Error(`Stripe opened ${session.id} without an address`);
  await tools.db.stripeCustomer.update({
    where: { organizationId },
    data: { checkoutId: session.id },
    select: { organizationId: true },
  });
  return { url: session.url };
}

/** Takes over the card of a page that was completed. Called for the event, and by whoever looks before the event came. */
export async function finishCardSetup(tools: StripeTools, checkoutId: string): Promise<"open" | "done"> {
  const session = await tools.stripe.checkout.sessions.retrieve(checkoutId, { expand: ["setup_intent"] });
  if (session.status === "open") return "open";
  const customerId = idOf(session.customer);
  const { setup_intent: intent } = session;
  const paymentMethod = intent !== null && typeof intent !== "string" ? idOf(intent.payment_method) : null;
  if (customerId !== null && paymentMethod !== null) {
    await chargeFrom(tools, { customerId, paymentMethod });
    await mirrorCustomer(tools, customerId);
  }
  await tools.db.stripeCustomer.updateMany({ where: { checkoutId }, data: { checkoutId: null } });
  return "done";
}

/**
 * The card of an organization. While a page is open on which one may be added, Stripe is asked what became of it: the
 * browser is back before the event is, and an installation that Stripe can't reach gets no events at all.
 */
export async function currentCard(tools: StripeTools, organizationId: Id<"organization">): Promise<Card | null> {
  const row = await tools.db.stripeCustomer.findUnique({ where: { organizationId }, select: { checkoutId: true } });
  const checkoutId = row?.checkoutId ?? null;
  if (checkoutId !== null) {
    try {
      await finishCardSetup(tools, checkoutId);
    } catch (error) {
      tools.log.warn({ organizationId, err: messageOf(error) }, "what became of a card page could not be asked");
    }
  }
  return mirroredCard(tools, organizationId);
}
