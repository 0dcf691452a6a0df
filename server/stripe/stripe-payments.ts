import type { Payments } from "#server/billing/payments.ts";
import { Fault, messageOf } from "#server/std/fault.ts";
import Stripe from "stripe";
import { currentCard, openCardSetup } from "./card-setup.ts";
import { mirroredCard } from "./customer.ts";
import { changePlan } from "./plan-change.ts";
import { openPortal } from "./portal.ts";
import { previewMonth } from "./preview.ts";
import type { StripeTools } from "./tools.ts";

/** Billing's port to whoever moves money, through Stripe. When Stripe is away, people are told so and nothing changes. */
export function stripePayments(tools: StripeTools): Payments {
  const asking = <Result>(what: string, work: Promise<Result>) => translated(tools, what, work);
  return {
    collects: true,
    cardSetup: (organizationId, returnUrl) => asking("card setup", openCardSetup(tools, organizationId, returnUrl)),
    portal: (organizationId, returnUrl) => asking("portal", openPortal(tools, organizationId, returnUrl)),
    changePlan: (organizationId, plan, returnUrl) =>
      asking("plan change", changePlan(tools, plan, { organizationId, returnUrl })),
    card: (organizationId) => currentCard(tools, organizationId).catch(() => mirroredCard(tools, organizationId)),
    preview: (organizationId) => asking("preview", previewMonth(tools, organizationId)),
  };
}

/** What Stripe answers is for the log; a person is told what it means for what they wanted. */
async function translated<Result>({ log }: StripeTools, what: string, work: Promise<Result>): Promise<Result> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof Stripe.errors.StripeError)) throw error;
    log.error(
      { what, type: error.type, code: error.code, requestId: error.requestId, err: messageOf(error) },
      "stripe",
    );
    throw new Fault(
      "unavailable",
      "The payment provider does not answer as it should. Nothing was changed. Try again in a minute.",
      {
        cause: error,
      },
    );
  }
}
