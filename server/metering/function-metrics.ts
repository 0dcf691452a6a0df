import { coldStartBoundsMs } from "#server/contract/usage.ts";
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

/** How long calls waited for a process that was starting. */
export type ColdStarts = {
  /** Null where there was none. */
  waitMsP50: number | null;
  waitMsP95: number | null;
  /** How many waited up to so long and longer than the bucket before; the last has no bound. */
  buckets: { upToMs: number | null; calls: number }[];
};

export type FunctionMetrics = { total: CallFigures; steps: (CallFigures & { at: Date })[]; coldStarts: ColdStarts };

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
  const span: Span = { ...of, from, until: new Date(until) };
  const [steps, coldStarts] = await Promise.all([readSteps(db, { ...span, stepMs }), readColdStarts(db, span)]);
  const byStep = new Map(steps.map(({ step, ...figures }) => [step, figures]));
  return {
    total: byStep.get(null) ?? none,
    steps: Array.from({ length: STEPS }, (_, step) => ({
      ...(byStep.get(step) ?? none),
      at: new Date(from.getTime() + step * stepMs),
    })),
    coldStarts,
  };
}

type Span = { organizationId: Id<"organization">; functionId: Id<"function">; from: Date; until: Date };

/** A row a step in which there were calls, and one with step null for all of them. */
function readSteps(db: Db, { stepMs, ...of }: Span & { stepMs: number }) {
  return db.$queryRaw<(CallFigures & { step: number | null })[]>`
    SELECT step,
           count(*)::int AS requests,
           count(*) FILTER (WHERE status >= 500)::int AS failures,
           count(*) FILTER (WHERE cold_start)::int AS "coldStarts",
           percentile_cont(0.5) WITHIN GROUP (ORDER BY wall_us) / 1e3 AS "wallMsP50",
           percentile_cont(0.95) WITHIN GROUP (ORDER BY wall_us) / 1e3 AS "wallMsP95",
           percentile_cont(0.5) WITHIN GROUP (ORDER BY cpu_ns) / 1e6 AS "cpuMsP50",
           percentile_cont(0.95) WITHIN GROUP (ORDER BY cpu_ns) / 1e6 AS "cpuMsP95"
    FROM (
      SELECT *, floor(extract(epoch FROM occurred_at - ${of.from}::timestamptz) * 1000 / ${stepMs}::float8)::int AS step
      FROM "usage_event"
      WHERE organization_id = ${of.organizationId} AND function_id = ${of.functionId}
        AND kind = 'request' AND occurred_at >= ${of.from}::timestamptz AND occurred_at < ${of.until}::timestamptz
    ) AS calls
    GROUP BY GROUPING SETS ((step), ())`;
}

/** A row a bucket in which there were calls, and one with bucket null for all of them. */
async function readColdStarts(db: Db, of: Span): Promise<ColdStarts> {
  const boundsUs = coldStartBoundsMs.map((ms) => ms * 1000);
  // A bucket of Postgres begins at its bound and ours end at theirs; microseconds are whole, so one less is the same.
  const rows = await db.$queryRaw<
    { bucket: number | null; calls: number; waitMsP50: number | null; waitMsP95: number | null }[]
  >`
    SELECT bucket,
           count(*)::int AS calls,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY start_us) / 1e3 AS "waitMsP50",
           percentile_cont(0.95) WITHIN GROUP (ORDER BY start_us) / 1e3 AS "waitMsP95"
    FROM (
      SELECT start_us, width_bucket(start_us - 1, ${boundsUs}::int[]) AS bucket
      FROM "usage_event"
      WHERE organization_id = ${of.organizationId} AND function_id = ${of.functionId} AND kind = 'request'
        AND start_us IS NOT NULL AND occurred_at >= ${of.from}::timestamptz AND occurred_at < ${of.until}::timestamptz
    ) AS starts
    GROUP BY GROUPING SETS ((bucket), ())`;
  const byBucket = new Map(rows.map(({ bucket, ...figures }) => [bucket, figures]));
  const { waitMsP50 = null, waitMsP95 = null } = byBucket.get(null) ?? {};
  return {
    waitMsP50,
    waitMsP95,
    buckets: [...coldStartBoundsMs, null].map((upToMs, bucket) => ({
      upToMs,
      calls: byBucket.get(bucket)?.calls ?? 0,
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
