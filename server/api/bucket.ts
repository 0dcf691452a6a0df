import { z } from "zod";
import { isAllowed } from "#server/accounts/roles.ts";
import { bucketName } from "#server/contract/buckets.ts";
import { s3Url } from "#server/env.ts";
import { bucketNamed, createBucket, deleteBucket, listBuckets } from "#server/storage/objects/buckets.ts";
import { deleteObjects } from "#server/storage/objects/delete-objects.ts";
import { listObjects } from "#server/storage/objects/list-objects.ts";
import { organizationProcedure, router } from "./trpc.ts";

const ENTRIES_SHOWN = 100;
const KEYS_MAX = 1_000;
/** What a key can be at the longest, in characters; the engine judges it by bytes. */
const key = z.string().max(1_024);
/** A name as it was given: one that no bucket can have is simply not there. */
const bucket = z.string().max(100);

export const bucketRouter = router({
  list: organizationProcedure("storage:read").query(async ({ ctx }) => ({
    buckets: await listBuckets(ctx.db, ctx.organization.id),
    canWrite: isAllowed(ctx.role, "storage:write"),
    /** Where S3 clients find the door; null when it is off. */
    endpoint: ctx.env.S3_PORT === 0 ? null : s3Url(ctx.env),
  })),

  create: organizationProcedure("storage:write")
    .input(z.object({ name: bucketName }))
    .mutation(({ ctx, input }) =>
      createBucket(ctx.db, { organizationId: ctx.organization.id, name: input.name, by: { userId: ctx.userId } }),
    ),

  delete: organizationProcedure("storage:write")
    .input(z.object({ bucket }))
    .mutation(async ({ ctx, input }) => {
      const { id: organizationId } = ctx.organization;
      const { id: bucketId } = await bucketNamed(ctx.db, { organizationId, name: input.bucket });
      await deleteBucket(await ctx.objects(), { organizationId, bucketId, by: { userId: ctx.userId } });
    }),

  /** A page of what lies directly below a prefix: objects, and folders as S3 clients make them of slashes. */
  browse: organizationProcedure("storage:read")
    .input(z.object({ bucket, prefix: key.default(""), after: key.default("") }))
    .query(async ({ ctx, input }) => {
      const { id: organizationId } = ctx.organization;
      const { bucket: name, prefix, after } = input;
      const found = await bucketNamed(ctx.db, { organizationId, name });
      const address = { organizationId, bucketId: found.id };
      const page = await listObjects(ctx, address, { prefix, delimiter: "/", after, max: ENTRIES_SHOWN });
      return { bucket: found, ...page, canWrite: isAllowed(ctx.role, "storage:write") };
    }),

  deleteObjects: organizationProcedure("storage:write")
    .input(z.object({ bucket, keys: z.array(key).min(1).max(KEYS_MAX) }))
    .mutation(async ({ ctx, input }) => {
      const { id: organizationId } = ctx.organization;
      const { id: bucketId } = await bucketNamed(ctx.db, { organizationId, name: input.bucket });
      return { deleted: await deleteObjects(await ctx.objects(), { organizationId, bucketId }, input.keys) };
    }),
});
