import { z } from "zod";
import { isAllowed } from "#server/accounts/roles.ts";
import { binding } from "#server/contract/bindings.ts";
import { readBindings } from "#server/functions/binding-settings.ts";
import { bindNamespaces } from "#server/storage/kv/function-bindings.ts";
import { listNamespaces } from "#server/storage/kv/namespaces.ts";
import { functionProcedure } from "./function-procedure.ts";
import { router } from "./trpc.ts";

/** What a function finds in its `env`. */
export const bindingRouter = router({
  list: functionProcedure("functions:read").query(async ({ ctx }) => {
    const namespaces = await listNamespaces(ctx.db, ctx.organization.id);
    return {
      ...(await readBindings(ctx.db, ctx.key)),
      namespaces: namespaces.map(({ id, name }) => ({ id, name })),
      canChange: isAllowed(ctx.role, "functions:write"),
    };
  }),

  change: functionProcedure("functions:write")
    .input(z.object({ bindings: z.array(binding).max(1_000) }))
    .mutation(({ ctx, input }) => bindNamespaces(ctx.db, { ...ctx.key, userId: ctx.userId, bindings: input.bindings })),
});
