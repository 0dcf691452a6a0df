import { randomUUID } from "node:crypto";
import { Fault } from "#server/std/fault.ts";
import type { Id } from "#server/std/id.ts";
import { ensureCustomer } from "./customer.ts";
import { findPortal } from "./setup.ts";
import type { StripeTools } from "./tools.ts";

/** A page of Stripe's with cards, addresses and invoices. */
export async function openPortal(
  tools: StripeTools,
  organizationId: Id<"organization">,
  returnUrl: string,
): Promise<{ url: string }> {
  const { stripe } = tools;
  const [customer, configuration] = [await ensureCustomer(tools, organizationId), await findPortal(stripe)];
  if (configuration === undefined)
    throw new Fault("unavailable", "The portal is not set up yet. The operator does it with `npm run stripe:setup`.");
  const { url } = await stripe.billingPortal.sessions.create(
    { customer, configuration, return_url: returnUrl },
    { idempotencyKey: `portal:${organizationId}:${randomUUID()}` },
  );
  return { url };
}
