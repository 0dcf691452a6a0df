import { z } from "zod";
import type { PriceBook } from "#server/billing/price-book.ts";
import { loadPriceBook } from "#server/billing/price-versions.ts";
import { costOfRequest } from "#server/billing/rating.ts";
import { isAllowed } from "#server/accounts/roles.ts";
import { limitSettings } from "#server/contract/limits.ts";
import type { RequestRecord } from "#server/contract/usage.ts";
import { functionUrl } from "#server/env.ts";
import { deploy } from "#server/functions/deploy.ts";
import { createFunction, deleteFunction, listFunctions } from "#server/functions/functions.ts";
import { changeLimits, readLimits } from "#server/functions/limit-settings.ts";
import { sourceFiles } from "#server/functions/source.ts";
import { listTemplates, templateNames } from "#server/functions/templates.ts";
import { listVersions, rollBack, versionSource } from "#server/functions/versions.ts";
import { functionMetrics } from "#server/metering/function-metrics.ts";
import { recentRequests, requestById } from "#server/metering/usage.ts";
import { formatExact } from "#server/std/money.ts";
import { awaitRecord, callFunction, functionCall } from "./function-call.ts";
import { functionProcedure } from "./function-procedure.ts";
import { organizationProcedure, router } from "./trpc.ts";

const REQUESTS_SHOWN = 50;

/** A call with its price, as the pages show it. */
function priced(record: RequestRecord, book: PriceBook) {
  return { ...record, cost: formatExact(costOfRequest({ ...record, at: new Date(record.occurredAtMs) }, book)) };
}

export const functionRouter = router({
  templates: organizationProcedure("functions:read").query(() => listTemplates()),

  list: organizationProcedure("functions:read").query(async ({ ctx }) => {
    const { slug: organizationSlug, id } = ctx.organization;
    const functions = await listFunctions(ctx.db, id);
    return functions.map(({ id: functionId, name, createdAt, deployedAt }) => ({
      id: functionId,
      name,
      createdAt,
      deployedAt,
      url: functionUrl(ctx.env, { functionName: name, organizationSlug }),
    }));
  }),

  create: organizationProcedure("functions:write")
    .input(z.object({ name: z.string().max(1000), template: z.enum(templateNames) }))
    .mutation(({ ctx, input }) =>
      createFunction(ctx, {
        organizationId: ctx.organization.id,
        userId: ctx.userId,
        name: input.name,
        template: input.template,
      }),
    ),

  get: functionProcedure("functions:read").query(({ ctx }) => ({
    ...ctx.found,
    url: functionUrl(ctx.env, { functionName: ctx.found.name, organizationSlug: ctx.organization.slug }),
  })),

  limits: functionProcedure("functions:read").query(async ({ ctx }) => ({
    ...(await readLimits(ctx.db, ctx.key)),
    canChange: isAllowed(ctx.role, "functions:write"),
  })),

  changeLimits: functionProcedure("functions:write")
    .input(z.object({ limits: limitSettings }))
    .mutation(({ ctx, input }) => changeLimits(ctx, { ...ctx.key, userId: ctx.userId, settings: input.limits })),

  source: functionProcedure("functions:read")
    .input(z.object({ number: z.number().int().optional() }))
    .query(({ ctx, input }) => versionSource(ctx.db, { ...ctx.key, number: input.number })),

  deploy: functionProcedure("functions:write")
    .input(z.object({ files: sourceFiles }))
    .mutation(({ ctx, input }) => deploy(ctx, { ...ctx.key, userId: ctx.userId, files: input.files })),

  versions: functionProcedure("functions:read").query(({ ctx }) => listVersions(ctx.db, ctx.key)),

  rollback: functionProcedure("functions:write")
    .input(z.object({ number: z.number().int() }))
    .mutation(({ ctx, input }) => rollBack(ctx, { ...ctx.key, userId: ctx.userId, number: input.number })),

  delete: functionProcedure("functions:write").mutation(({ ctx }) =>
    deleteFunction(ctx.db, { ...ctx.key, userId: ctx.userId }),
  ),

  recentRequests: functionProcedure("functions:read").query(async ({ ctx }) => {
    const records = await recentRequests(ctx.db, { ...ctx.key, limit: REQUESTS_SHOWN });
    const book = await loadPriceBook(ctx.db);
    return records.map((record) => priced(record, book));
  }),

  metrics: functionProcedure("functions:read")
    .input(z.object({ hours: z.union([z.literal(1), z.literal(6), z.literal(24), z.literal(168)]) }))
    .query(({ ctx, input }) =>
      functionMetrics(ctx.db, { ...ctx.key, hours: input.hours, now: new Date(ctx.clock.nowMs()) }),
    ),

  run: functionProcedure("functions:write")
    .input(functionCall)
    .mutation(async ({ ctx, input }) => {
      const url = functionUrl(ctx.env, { functionName: ctx.found.name, organizationSlug: ctx.organization.slug });
      const answer = await callFunction({ gatewayPort: ctx.env.GATEWAY_PORT, host: new URL(url).host }, input);
      if (answer.kind === "no_answer" || !answer.requestId) return { answer, record: null };
      const { requestId } = answer;
      const record = await awaitRecord(() => requestById(ctx.db, { organizationId: ctx.organization.id, requestId }));
      return { answer, record: record && priced(record, await loadPriceBook(ctx.db)) };
    }),
});
