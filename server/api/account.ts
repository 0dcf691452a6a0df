import { signUp, signUpRequest } from "#server/accounts/sign-up.ts";
import { publicProcedure, router } from "./trpc.ts";

export const accountRouter = router({
  signUp: publicProcedure
    .input(signUpRequest)
    .mutation(({ ctx, input }) => signUp(ctx, { ...input, clientAddress: ctx.clientAddress })),

  /** Which other ways in this installation offers. */
  providers: publicProcedure.query(({ ctx: { env } }) => ({
    github: Boolean(env.GITHUB_ID && env.GITHUB_SECRET),
    google: Boolean(env.GOOGLE_ID && env.GOOGLE_SECRET),
  })),
});
