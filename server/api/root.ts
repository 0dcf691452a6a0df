import { accountRouter } from "./account.ts";
import { functionRouter } from "./function.ts";
import { organizationRouter } from "./organization.ts";
import { createCallerFactory, router } from "./trpc.ts";

/** One router a noun. */
export const appRouter = router({
  account: accountRouter,
  function: functionRouter,
  organization: organizationRouter,
});

export type AppRouter = typeof appRouter;
export const createCaller = createCallerFactory(appRouter);
