import { z } from "zod";
import { isAllowed } from "#server/accounts/roles.ts";
import { alertConsequence, alertSentence } from "#server/billing/alert-words.ts";
import { dismissAlerts, listAlerts, standingAlert } from "#server/billing/alerts.ts";
import { currentBill } from "#server/billing/bill.ts";
import { billingOverview } from "#server/billing/billing-overview.ts";
import { choosePlan } from "#server/billing/plan-choice.ts";
import { ALERT_SHARES_MAX, CAP_CENTS_MAX, setAlertShares, setCap } from "#server/billing/spending-rule.ts";
import { organizationUrl } from "#server/env.ts";
import { organizationProcedure, router } from "./trpc.ts";

/** Where a provider's page sends the browser back to. Never from the browser: it would be an open door to other sites. */
function billingUrl({ env, organization }: { env: { NEXTAUTH_URL: string }; organization: { slug: string } }): string {
  return organizationUrl(env, `${organization.slug}/billing`);
}

const capCents = z
  .bigint()
  .min(0n, "A cap is zero or more")
  .max(CAP_CENTS_MAX, "That is more than a cap may be. Ask your operator.");

const alertShares = z
  .array(z.number().int().min(1, "A share is 1 to 100 percent").max(100, "A share is 1 to 100 percent"))
  .max(ALERT_SHARES_MAX, `Choose at most ${ALERT_SHARES_MAX} shares`);

export const billingRouter = router({
  /** The plan and those there are, the cap's rule, the card; what changes only when somebody changes it. */
  overview: organizationProcedure("billing:read").query(async ({ ctx }) => ({
    ...(await billingOverview(ctx, ctx.organization.id)),
    canWrite: isAllowed(ctx.role, "billing:write"),
  })),

  /** What the month that runs has come to. */
  month: organizationProcedure("billing:read").query(({ ctx }) => currentBill(ctx, ctx.organization.id)),

  choosePlan: organizationProcedure("billing:write")
    .input(z.object({ plan: z.enum(["free", "pro"]) }))
    .mutation(({ ctx, input }) =>
      choosePlan(ctx, {
        organizationId: ctx.organization.id,
        userId: ctx.userId,
        plan: input.plan,
        returnUrl: billingUrl(ctx),
      }),
    ),

  setCap: organizationProcedure("billing:write")
    .input(z.object({ capCents }))
    .mutation(({ ctx, input }) =>
      setCap(ctx, { organizationId: ctx.organization.id, userId: ctx.userId, capCents: input.capCents }),
    ),

  setAlerts: organizationProcedure("billing:write")
    .input(z.object({ alertShares }))
    .mutation(({ ctx, input }) =>
      setAlertShares(ctx, { organizationId: ctx.organization.id, userId: ctx.userId, alertShares: input.alertShares }),
    ),

  /** Shares of the cap that were reached, newest first. */
  alerts: organizationProcedure("billing:read").query(async ({ ctx }) =>
    (await listAlerts(ctx.db, ctx.organization.id)).map((alert) => ({ ...alert, text: alertSentence(alert) })),
  ),

  /** What stands in the bar on every page of the organization; null when there is nothing to say. */
  standingAlert: organizationProcedure("billing:read").query(async ({ ctx }) => {
    const alert = await standingAlert(ctx, ctx.organization.id);
    return alert && { ...alert, text: `${alertSentence(alert)} ${alertConsequence(alert)}` };
  }),

  dismissAlerts: organizationProcedure("billing:write").mutation(({ ctx }) => dismissAlerts(ctx, ctx.organization.id)),

  /** Where the browser goes to add a card. */
  cardSetup: organizationProcedure("billing:write").mutation(({ ctx }) =>
    ctx.payments.cardSetup(ctx.organization.id, billingUrl(ctx)),
  ),

  /** Where the browser goes to manage cards and addresses. */
  portal: organizationProcedure("billing:write").mutation(({ ctx }) =>
    ctx.payments.portal(ctx.organization.id, billingUrl(ctx)),
  ),
});
