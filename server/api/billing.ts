import { monthReport } from "#server/billing/month-report.ts";
import { currentPlans } from "#server/billing/plan-summary.ts";
import { organizationProcedure, router } from "./trpc.ts";

export const billingRouter = router({
  /** The organization's plan, and what the month has come to. */
  summary: organizationProcedure("billing:read").query(async ({ ctx }) => ({
    plan: currentPlans(ctx.clock)[ctx.organization.plan],
    month: await monthReport(ctx, ctx.organization),
  })),
});
