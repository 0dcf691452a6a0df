import { currentPlans } from "#server/billing/plan-summary.ts";
import { publicProcedure, router } from "./trpc.ts";

export const planRouter = router({
  /** The plans of the price book in force, for the pricing page. */
  list: publicProcedure.query(({ ctx }) => {
    const { free, pro, effectiveAt } = currentPlans(ctx.clock);
    return { plans: [free, pro], effectiveAt };
  }),
});
