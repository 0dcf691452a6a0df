import { monthReport } from "#server/billing/month-report.ts";
import { organizationProcedure, router } from "./trpc.ts";

export const usageRouter = router({
  /** The month that runs: what was used, what of it is included, what it costs; by day and by function. */
  month: organizationProcedure("usage:read").query(({ ctx }) => monthReport(ctx, ctx.organization)),
});
