import { z } from "zod";
import { functionByName } from "#server/functions/functions.ts";
import { organizationProcedure } from "./trpc.ts";

const named = z.object({ name: z.string().max(100) });

/** For the function that the input names; to strangers it does not exist. */
export function functionProcedure(permission: "functions:read" | "functions:write") {
  return organizationProcedure(permission)
    .input(named)
    .use(async ({ ctx, input, next }) => {
      const organizationId = ctx.organization.id;
      const found = await functionByName(ctx.db, { organizationId, name: input.name });
      return next({ ctx: { ...ctx, found, key: { organizationId, functionId: found.id } } });
    });
}
