import { z } from "zod";
import { DRILL_CALLS, DRILL_CAP_CENTS } from "#server/billing/drill-budget.ts";
import { latestDrill } from "#server/billing/drill-view.ts";
import { startDrill } from "#server/billing/flood-drill.ts";
import type { Gateway } from "#server/billing/flood.ts";
import { functionUrl, type ConsoleEnv } from "#server/env.ts";
import { formatCents } from "#server/std/money.ts";
import { organizationProcedure, router } from "./trpc.ts";

const capCents = z
  .bigint()
  .min(DRILL_CAP_CENTS.min, `A test cap is ${formatCents(DRILL_CAP_CENTS.min)} or more`)
  .max(DRILL_CAP_CENTS.max, `A test cap is ${formatCents(DRILL_CAP_CENTS.max)} at most`);

const calls = z
  .number()
  .int()
  .min(DRILL_CALLS.min, `Make ${DRILL_CALLS.min} calls or more`)
  .max(DRILL_CALLS.max, `Make ${DRILL_CALLS.max.toLocaleString("en-US")} calls at most`);

function gatewayOf(env: ConsoleEnv): Gateway {
  return { port: env.GATEWAY_PORT, hostOf: (names) => new URL(functionUrl(env, names)).host };
}

export const drillRouter = router({
  /** The last flood drill, and how far it is while it is under way; null when there was none. */
  latest: organizationProcedure("drills:run").query(({ ctx }) => latestDrill(ctx, ctx.organization.id)),

  /** Floods a copy of a function under a test cap, and returns at once: `latest` tells how it goes. */
  start: organizationProcedure("drills:run")
    .input(z.object({ functionName: z.string().max(100), capCents, calls }))
    .mutation(async ({ ctx, input }) => {
      const { functionName, capCents, calls } = input;
      const drill = await startDrill(
        { ...ctx, gateway: gatewayOf(ctx.env) },
        { organizationId: ctx.organization.id, userId: ctx.userId, functionName, terms: { capCents, calls } },
      );
      return { id: drill.id };
    }),
});
