import { currentPlans } from "#server/billing/plan-summary.ts";
import { publicProcedure, router } from "./trpc.ts";

export const planRouter = router({
  /** The plans of the price book in force, for the pricing page. */
  list: publicProcedure.query(async ({ ctx }) => {
    const { free, pro, effectiveAt } = await currentPlans(ctx);
    return { plans: [free, pro], effectiveAt };
  }),
});
