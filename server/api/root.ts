import { accountRouter } from "./account.ts";
import { organizationRouter } from "./organization.ts";
import { createCallerFactory, router } from "./trpc.ts";

/** One router a noun. */
export const appRouter = router({
  account: accountRouter,
  organization: organizationRouter,
});

export type AppRouter = typeof appRouter;
export const createCaller = createCallerFactory(appRouter);
