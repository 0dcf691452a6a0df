import { isAllowed } from "#server/accounts/roles.ts";
import { monthReport } from "#server/billing/month-report.ts";
import { usageOutlook } from "#server/billing/outlook.ts";
import { organizationProcedure, router } from "./trpc.ts";

export const usageRouter = router({
  /** The month that runs: what was used, what of it is included, what it is worth; by day and by function. What is owed only for those who may see it. */
  month: organizationProcedure("usage:read").query(({ ctx }) =>
    monthReport(ctx, { organizationId: ctx.organization.id, mayReadCosts: isAllowed(ctx.role, "billing:read") }),
  ),

  /** Where the month is going, and what the same usage costs elsewhere. */
  outlook: organizationProcedure("usage:read").query(({ ctx }) =>
    usageOutlook(ctx, { organizationId: ctx.organization.id, mayReadCosts: isAllowed(ctx.role, "billing:read") }),
  ),
});
