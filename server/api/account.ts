import { signUp, signUpRequest } from "#server/accounts/sign-up.ts";
import { keepBudget } from "#server/billing/budget-keeper.ts";
import { publicProcedure, router } from "./trpc.ts";

export const accountRouter = router({
  signUp: publicProcedure.input(signUpRequest).mutation(async ({ ctx, input }) => {
    const account = await signUp(ctx, { ...input, clientAddress: ctx.clientAddress });
    await keepBudget(ctx, account.organizationId);
    return account;
  }),

  /** Which other ways in this installation offers. */
  providers: publicProcedure.query(({ ctx: { env } }) => ({
    github: Boolean(env.GITHUB_ID && env.GITHUB_SECRET),
    google: Boolean(env.GOOGLE_ID && env.GOOGLE_SECRET),
  })),
});
