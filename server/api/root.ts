import { accountRouter } from "./account.ts";
import { billingRouter } from "./billing.ts";
import { bindingRouter } from "./binding.ts";
import { bucketRouter } from "./bucket.ts";
import { deploymentRouter } from "./deployment.ts";
import { drillRouter } from "./drill.ts";
import { functionRouter } from "./function.ts";
import { invoiceRouter } from "./invoice.ts";
import { kvRouter } from "./kv.ts";
import { operatorRouter } from "./operator.ts";
import { logRouter } from "./log.ts";
import { organizationRouter } from "./organization.ts";
import { planRouter } from "./plan.ts";
import { reconciliationRouter } from "./reconciliation.ts";
import { s3KeyRouter } from "./s3-key.ts";
import { createCallerFactory, router } from "./trpc.ts";
import { usageRouter } from "./usage.ts";

/** One router a noun. */
export const appRouter = router({
  account: accountRouter,
  billing: billingRouter,
  binding: bindingRouter,
  bucket: bucketRouter,
  deployment: deploymentRouter,
  drill: drillRouter,
  function: functionRouter,
  invoice: invoiceRouter,
  kv: kvRouter,
  operator: operatorRouter,
  log: logRouter,
  organization: organizationRouter,
  plan: planRouter,
  reconciliation: reconciliationRouter,
  s3Key: s3KeyRouter,
  usage: usageRouter,
});

export type AppRouter = typeof appRouter;
export const createCaller = createCallerFactory(appRouter);
