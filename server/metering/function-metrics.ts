import type { Id } from "#server/std/id.ts";
import type { Db } from "#server/db/client.ts";

/** What the calls of a span of time were like. Percentiles are null where there was no call. */
export type CallFigures = {
  requests: number;
  /** Calls that ended in 5xx. */
  failures: number;
  coldStarts: number;
  wallMsP50: number | null;
  wallMsP95: number | null;
  cpuMsP50: number | null;
  cpuMsP95: number | null;
};

export type FunctionMetrics = { total: CallFigures; steps: (CallFigures & { at: Date })[] };

const STEPS = 48;
const MINUTE_MS = 60_000;

/** How a function did over the last hours, as a whole and in 48 equal steps, oldest first. Read from the ledger itself, for exact percentiles. */
export async function functionMetrics(
  db: Db,
  of: { organizationId: Id<"organization">; functionId: Id<"function">; hours: number; now: Date },
): Promise<FunctionMetrics> {
  const stepMs = (of.hours * 60 * MINUTE_MS) / STEPS;
  // Steps end on whole minutes, so that a page that asks again a second later sees the same steps.
  const until = Math.ceil(of.now.getTime() / MINUTE_MS) * MINUTE_MS;
  const from = new Date(until - STEPS * stepMs);
  const rows = await db.$queryRaw<(CallFigures & { step: number | null })[]>`
    SELECT step,
           count(*)::int AS requests,
           count(*) FILTER (WHERE status >= 500)::int AS failures,
           count(*) FILTER (WHERE cold_start)::int AS "coldStarts",
           percentile_cont(0.5) WITHIN GROUP (ORDER BY wall_us) / 1e3 AS "wallMsP50",
           percentile_cont(0.95) WITHIN GROUP (ORDER BY wall_us) / 1e3 AS "wallMsP95",
           percentile_cont(0.5) WITHIN GROUP (ORDER BY cpu_ns) / 1e6 AS "cpuMsP50",
           percentile_cont(0.95) WITHIN GROUP (ORDER BY cpu_ns) / 1e6 AS "cpuMsP95"
    FROM (
      SELECT *, floor(extract(epoch FROM occurred_at - ${from}::timestamptz) * 1000 / ${stepMs}::float8)::int AS step
      FROM "usage_event"
      WHERE organization_id = ${of.organizationId} AND function_id = ${of.functionId}
        AND kind = 'request' AND occurred_at >= ${from}::timestamptz AND occurred_at < ${new Date(until)}::timestamptz
    ) AS calls
    GROUP BY GROUPING SETS ((step), ())`;
  const byStep = new Map(rows.map(({ step, ...figures }) => [step, figures]));
  return {
    total: byStep.get(null) ?? none,
    steps: Array.from({ length: STEPS }, (_, step) => ({
      ...(byStep.get(step) ?? none),
      at: new Date(from.getTime() + step * stepMs),
    })),
  };
}

const none: CallFigures = {
  requests: 0,
  failures: 0,
  coldStarts: 0,
  wallMsP50: null,
  wallMsP95: null,
  cpuMsP50: null,
  cpuMsP95: null,
};
