import { isUtf8 } from "node:buffer";
import { z } from "zod";
import { isAllowed } from "#server/accounts/roles.ts";
import { editEntry, removeEntry } from "#server/storage/kv/edit.ts";
import { getEntry, type Entry } from "#server/storage/kv/entries.ts";
import { functionsBoundTo } from "#server/storage/kv/function-bindings.ts";
import { listKeys } from "#server/storage/kv/list.ts";
import { createNamespace, deleteNamespace, listNamespaces, namespaceById } from "#server/storage/kv/namespaces.ts";
import { importLines } from "#server/storage/kv/ndjson.ts";
import { sqlOf } from "#server/storage/kv/sql.ts";
import { organizationProcedure, router } from "./trpc.ts";

const KEYS_SHOWN = 50;
/** More than this no page can show; it can be exported. */
const SHOWN_BYTES_MAX = 1024 * 1024;
const IMPORT_CHARACTERS_MAX = 40 * 1024 * 1024;

const namespaceId = z.string().max(64);
const key = z.string().max(2_000);

/** For what is in one namespace of the organization. */
function namespaceProcedure(permission: "storage:read" | "storage:write") {
  return organizationProcedure(permission)
    .input(z.object({ namespaceId }))
    .use(({ ctx, input, next }) => {
      const of = { organizationId: ctx.organization.id, namespaceId: input.namespaceId, userId: ctx.userId };
      return next({ ctx: { ...ctx, of } });
    });
}

export const kvRouter = router({
  namespaces: organizationProcedure("storage:read").query(async ({ ctx }) => ({
    namespaces: await listNamespaces(ctx.db, ctx.organization.id),
    canWrite: isAllowed(ctx.role, "storage:write"),
  })),

  create: organizationProcedure("storage:write")
    .input(z.object({ name: z.string().max(1_000) }))
    .mutation(({ ctx, input }) =>
      createNamespace(ctx.db, { organizationId: ctx.organization.id, userId: ctx.userId, name: input.name }),
    ),

  namespace: namespaceProcedure("storage:read").query(async ({ ctx }) => ({
    ...(await namespaceById(ctx.db, ctx.of)),
    boundTo: await functionsBoundTo(ctx.db, ctx.of),
    canWrite: isAllowed(ctx.role, "storage:write"),
  })),

  delete: namespaceProcedure("storage:write")
    .input(z.object({ name: z.string().max(1_000) }))
    .mutation(({ ctx, input }) => deleteNamespace(ctx.db, { ...ctx.of, name: input.name })),

  keys: namespaceProcedure("storage:read")
    .input(z.object({ prefix: key.optional(), cursor: z.string().max(2_000).optional() }))
    .query(({ ctx, input }) =>
      listKeys(sqlOf(ctx.db), ctx.of, { prefix: input.prefix ?? "", cursor: input.cursor, limit: KEYS_SHOWN }),
    ),

  entry: namespaceProcedure("storage:read")
    .input(z.object({ key }))
    .query(async ({ ctx, input }) => shown(await getEntry(sqlOf(ctx.db), ctx.of, input.key))),

  put: namespaceProcedure("storage:write")
    .input(
      z.object({
        key,
        value: z.string(),
        metadata: z.string().max(10_000).nullable(),
        expiresAtS: z.number().int().nullable(),
        isNew: z.boolean(),
      }),
    )
    .mutation(({ ctx, input }) =>
      editEntry(ctx.db, ctx.of, { ...input, value: Buffer.from(input.value) }, ctx.clock.nowMs()),
    ),

  remove: namespaceProcedure("storage:write")
    .input(z.object({ key }))
    .mutation(({ ctx, input }) => removeEntry(ctx.db, ctx.of, input.key)),

  import: namespaceProcedure("storage:write")
    .input(z.object({ text: z.string().max(IMPORT_CHARACTERS_MAX), firstLine: z.number().int().min(1) }))
    .mutation(({ ctx, input }) =>
      importLines(ctx.db, ctx.of, { text: input.text, firstLine: input.firstLine, nowMs: ctx.clock.nowMs() }),
    ),
});

/** `value` is null when it is no text, or more than a page shows; `entry` is when there is no such key. */
function shown(entry: Entry | null) {
  if (!entry) return null;
  const { value, metadata, expiresAtS } = entry;
  const bytes = Buffer.from(value);
  const isText = bytes.length <= SHOWN_BYTES_MAX && isUtf8(bytes);
  return { value: isText ? bytes.toString("utf8") : null, valueBytes: bytes.length, metadata, expiresAtS };
}
