import { z } from "zod";
import { accessKeyName } from "#server/contract/buckets.ts";
import { S3Access } from "#server/db/generated/enums.ts";
import { listAccessKeys, makeAccessKey, revokeAccessKey } from "#server/storage/objects/access-keys.ts";
import { bucketNamed } from "#server/storage/objects/buckets.ts";
import { Fault } from "#server/std/fault.ts";
import { organizationProcedure, router } from "./trpc.ts";

export const s3KeyRouter = router({
  list: organizationProcedure("storage:read").query(({ ctx }) => listAccessKeys(ctx.db, ctx.organization.id)),

  /** The secret is in this answer, and in no other. `bucket` null: all buckets. */
  make: organizationProcedure("storage:write")
    .input(z.object({ name: accessKeyName, access: z.enum(S3Access), bucket: z.string().max(100).nullable() }))
    .mutation(async ({ ctx, input }) => {
      const { db, seal, userId } = ctx;
      if (!seal)
        throw new Fault(
          "unavailable",
          "Secrets can't be sealed here: SECRETS_KEY is not set. Ask your operator to set it for console and runtime.",
        );
      const { id: organizationId } = ctx.organization;
      const { name, access, bucket } = input;
      const bucketId = bucket === null ? null : (await bucketNamed(db, { organizationId, name: bucket })).id;
      return makeAccessKey({ db, seal }, { organizationId, userId, name, access, bucketId });
    }),

  revoke: organizationProcedure("storage:write")
    .input(z.object({ id: z.string().max(100) }))
    .mutation(({ ctx, input }) =>
      revokeAccessKey(ctx.db, { organizationId: ctx.organization.id, userId: ctx.userId, id: input.id }),
    ),
});
