import { z } from "zod";
import { logFilter } from "#server/contract/logs.ts";
import { searchLogs } from "#server/metering/log-search.ts";
import { followLogs, tailStart } from "#server/metering/log-tail.ts";
import { functionProcedure } from "./function-procedure.ts";
import { router } from "./trpc.ts";

/** Runtime lives and requests that a place in a log may name, each some ten characters long. */
const PLACE_CHARACTERS_MAX = 6_000;
const OPEN_REQUESTS_MAX = 50;

export const logRouter = router({
  /** The newest of what matches; with `before`, what is older than an earlier page. `after` is where to follow it from. */
  search: functionProcedure("functions:read")
    .input(z.object({ filter: logFilter, before: z.string().max(80).optional() }))
    .query(async ({ ctx, input }) => {
      const now = new Date(ctx.clock.nowMs());
      // Asked first, so that what is stored while the search runs is followed, and not missed.
      const { filter, before } = input;
      const after = before === undefined ? await tailStart(ctx.db, { ...ctx.key, filter, now }) : null;
      return { ...(await searchLogs(ctx.db, { ...ctx.key, ...input, now })), after };
    }),

  /** What matches and came after a place. */
  follow: functionProcedure("functions:read")
    .input(
      z.object({
        filter: logFilter.omit({ fromMs: true, toMs: true }),
        after: z.string().max(PLACE_CHARACTERS_MAX),
        openRequestIds: z.array(z.string().max(60)).max(OPEN_REQUESTS_MAX),
      }),
    )
    .query(({ ctx, input }) => followLogs(ctx.db, { ...ctx.key, ...input, now: new Date(ctx.clock.nowMs()) })),
});
