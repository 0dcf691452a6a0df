import { z } from "zod";
import { organizationBySlug } from "#server/accounts/organization.ts";
import { Fault } from "#server/std/fault.ts";
import { exchangeStanding, reconciliationOf } from "#server/stripe/reconciliation.ts";
import { lookAgain, unpark } from "#server/stripe/release.ts";
import { operatorProcedure, router } from "./trpc.ts";

/** For operators of an installation with a key of Stripe's. */
const withStripe = operatorProcedure.use(({ ctx, next }) => {
  if (!ctx.stripe) throw new Fault("unavailable", "There is no Stripe key. Set STRIPE_SECRET_KEY, then start again.");
  return next({ ctx: { ...ctx, stripe: ctx.stripe } });
});

const named = z.object({ organizationSlug: z.string().max(100) });

export const reconciliationRouter = router({
  /** Null without a key. */
  standing: operatorProcedure.query(({ ctx }) => (ctx.stripe ? exchangeStanding(ctx.stripe) : null)),

  organization: withStripe.input(named).query(async ({ ctx, input }) => {
    const organization = await organizationBySlug(ctx.db, input.organizationSlug);
    return { organization, ...(await reconciliationOf(ctx.stripe, organization.id)) };
  }),

  lookAgain: withStripe
    .input(z.object({ invoiceId: z.string().max(100) }))
    .mutation(({ ctx, input }) => lookAgain(ctx.stripe, { userId: ctx.userId, invoiceId: input.invoiceId })),

  unpark: withStripe.input(named).mutation(async ({ ctx, input }) => {
    const { id: organizationId } = await organizationBySlug(ctx.db, input.organizationSlug);
    await unpark(ctx.stripe, { userId: ctx.userId, organizationId });
  }),
});
