import { z } from "zod";
import { listAudit } from "#server/accounts/audit-log.ts";
import { organizationBySlug } from "#server/accounts/organization.ts";
import { CREDIT_CENTS_MAX, grantCredit, listCredits } from "#server/billing/credits.ts";
import { listDebtors } from "#server/billing/debtors.ts";
import { stepInvoice } from "#server/billing/invoice-changes.ts";
import { invoiceList } from "#server/billing/invoice-pages.ts";
import { versionAt } from "#server/billing/price-book.ts";
import { addPriceVersion, loadPriceBook, plansText, textOfPlans } from "#server/billing/price-versions.ts";
import { loadSpendingRule, setPause } from "#server/billing/spending-rule.ts";
import { giveUpEpoch, sealingState } from "#server/metering/give-up.ts";
import { operatorProcedure, router } from "./trpc.ts";

const REASON_CHARACTERS_MAX = 300;
const reason = z
  .string()
  .trim()
  .min(1, "Say why")
  .max(REASON_CHARACTERS_MAX, `Use at most ${REASON_CHARACTERS_MAX} characters`);
const named = z.object({ organizationSlug: z.string().max(100) });

/** For an operator, about the organization that the input names. */
const onOrganization = operatorProcedure.input(named).use(async ({ ctx, input, next }) => {
  const organization = await organizationBySlug(ctx.db, input.organizationSlug);
  return next({ ctx: { ...ctx, organization } });
});

export const operatorRouter = router({
  /** Who owes what. */
  organizations: operatorProcedure
    .input(z.object({ search: z.string().max(100).default(""), page: z.number().int().min(0).max(10_000).default(0) }))
    .query(({ ctx, input }) => listDebtors(ctx, input)),

  organization: onOrganization.query(async ({ ctx }) => ({
    organization: ctx.organization,
    rule: await loadSpendingRule(ctx.db, ctx.organization.id),
    ...(await invoiceList(ctx.db, ctx.organization.id)),
    credits: await listCredits(ctx.db, ctx.organization.id),
  })),

  pause: onOrganization
    .input(z.object({ reason }))
    .mutation(({ ctx, input }) =>
      setPause(ctx, { organizationId: ctx.organization.id, userId: ctx.userId, pausedBecause: input.reason }),
    ),

  release: onOrganization.mutation(({ ctx }) =>
    setPause(ctx, { organizationId: ctx.organization.id, userId: ctx.userId, pausedBecause: null }),
  ),

  grantCredit: onOrganization
    .input(
      z.object({
        cents: z.bigint().min(1n, "Give an amount").max(CREDIT_CENTS_MAX, "That is more than one credit may be"),
        reason,
      }),
    )
    .mutation(({ ctx, input }) =>
      grantCredit(ctx, {
        organizationId: ctx.organization.id,
        userId: ctx.userId,
        cents: input.cents,
        reason: input.reason,
      }),
    ),

  changeInvoice: operatorProcedure
    .input(z.object({ number: z.string().max(40), to: z.enum(["open", "paid", "void", "uncollectible"]), reason }))
    .mutation(({ ctx, input }) => stepInvoice(ctx, { ...input, userId: ctx.userId })),

  /** All versions of the price book, newest first, and the number of the one in force. */
  prices: operatorProcedure.query(async ({ ctx }) => {
    const book = await loadPriceBook(ctx.db);
    const versions = book.map(({ version, effectiveAt, plans }) => ({
      version,
      effectiveAt,
      plans: textOfPlans(plans),
    }));
    return { versions: versions.toReversed(), inForce: versionAt(book, new Date(ctx.clock.nowMs())).version };
  }),

  addPrices: operatorProcedure
    .input(z.object({ effectiveAt: z.date(), plans: plansText }))
    .mutation(({ ctx, input }) => addPriceVersion(ctx, { ...input, userId: ctx.userId })),

  /** Up to where hours are closed, and what holds that up. */
  sealing: operatorProcedure.query(({ ctx }) => sealingState(ctx)),

  giveUpEpoch: operatorProcedure
    .input(z.object({ epoch: z.bigint().min(1n) }))
    .mutation(({ ctx, input }) => giveUpEpoch(ctx, { epoch: input.epoch, userId: ctx.userId })),

  audit: operatorProcedure
    .input(z.object({ before: z.object({ at: z.date(), id: z.string().max(60) }).nullable() }))
    .query(({ ctx, input }) => listAudit(ctx.db, input)),
});
