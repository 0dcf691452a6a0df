import { recentDeployments } from "#server/functions/recent-deployments.ts";
import { organizationProcedure, router } from "./trpc.ts";

const DEPLOYMENTS_SHOWN = 8;

export const deploymentRouter = router({
  /** The newest deployments of all functions, newest first. */
  recent: organizationProcedure("functions:read").query(({ ctx }) =>
    recentDeployments(ctx.db, { organizationId: ctx.organization.id, limit: DEPLOYMENTS_SHOWN }),
  ),
});
