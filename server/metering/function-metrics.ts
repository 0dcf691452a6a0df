import { coldStartBoundsMs } from "#server/contract/usage.ts";
import type { Db } from "#server/db/client.ts";
import type { Id } from "#server/std/id.ts";
import { samplePercentiles, type MetricsSpan, type Percentiles } from "./metrics-sample.ts";

/** What the calls of a span of time were like. Percentiles are null where there was no call. */
export type CallFigures = Percentiles & {
  requests: number;
  /** Calls that ended in 5xx. */
  failures: number;
  coldStarts: number;
};

/** How long calls waited for a process that was starting. */
export type ColdStarts = {
  /** Null where there was none. */
  waitMsP50: number | null;
  waitMsP95: number | null;
  /** How many waited up to so long and longer than the bucket before; the last has no bound. */
  buckets: { upToMs: number | null; calls: number }[];
};

export type FunctionMetrics = {
  total: CallFigures;
  steps: (CallFigures & { at: Date })[];
  coldStarts: ColdStarts;
  /** Whether percentiles are those of all calls, or of a part of them because there were so many. Counts are always of all. */
  percentilesOf: "all" | "sample";
};

const STEPS = 48;
const MINUTE_MS = 60_000;
/** So many calls can be read while somebody waits. */
const ALL_CALLS_MAX = 50_000;

/** How a function did over the last hours, as a whole and in 48 equal steps, oldest first. */
export async function functionMetrics(
  db: Db,
  of: { organizationId: Id<"organization">; functionId: Id<"function">; hours: number; now: Date },
): Promise<FunctionMetrics> {
  const { organizationId, functionId, hours, now } = of;
  const stepMs = (hours * 60 * MINUTE_MS) / STEPS;
  // Steps end on whole minutes, so that a page that asks again a second later sees the same steps.
  const until = Math.ceil(now.getTime() / MINUTE_MS) * MINUTE_MS;
  const from = new Date(until - STEPS * stepMs);
  const span = { organizationId, functionId, from, until: new Date(until), stepMs };
  const [counted, coldStarts] = await Promise.all([countSteps(db, span), readColdStarts(db, span)]);
  const isSample = (counted.get(null)?.requests ?? 0) > ALL_CALLS_MAX;
  const figures = await (isSample ? sampledSteps(db, span, counted) : readSteps(db, span));
  return {
    total: figures.get(null) ?? none,
    steps: Array.from({ length: STEPS }, (_, step) => ({
      ...(figures.get(step) ?? none),
      at: new Date(from.getTime() + step * stepMs),
    })),
    coldStarts,
    percentilesOf: isSample ? "sample" : "all",
  };
}

type Span = MetricsSpan & { stepMs: number };
/** By step; null is all of them. */
type BySteps<Figures> = Map<number | null, Figures>;
type Counted = { requests: number; failures: number };

/** Counts by whole minutes: one that a step ends in counts for the step in which it begins. */
async function countSteps(db: Db, of: Span): Promise<BySteps<Counted>> {
  const rows = await db.$queryRaw<(Counted & { step: number | null })[]>`
    SELECT step, sum(requests)::int AS requests, sum(failures)::int AS failures
    FROM (
      SELECT requests, failures, floor(extract(epoch FROM minute_at - ${of.from}::timestamptz) * 1000 / ${of.stepMs}::float8)::int AS step
      FROM usage_minute
      WHERE organization_id = ${of.organizationId} AND function_id = ${of.functionId}
        AND minute_at >= ${of.from}::timestamptz AND minute_at < ${of.until}::timestamptz
    ) AS minutes
    GROUP BY GROUPING SETS ((step), ())`;
  return new Map(rows.map(({ step, requests, failures }) => [step, { requests, failures }]));
}

async function sampledSteps(db: Db, of: Span, counted: BySteps<Counted>): Promise<BySteps<CallFigures>> {
  const [sample, cold] = await Promise.all([samplePercentiles(db, of), countColdStarts(db, of)]);
  const figures = [...counted].map(([step, counts]) => {
    const percentiles = step === null ? sample.total : (sample.byStep.get(step) ?? none);
    return [step, { ...none, ...percentiles, ...counts, coldStarts: cold.get(step) ?? 0 }] as const;
  });
  return new Map(figures);
}

/** Reads an index that has nothing but the calls that started a process. */
async function countColdStarts(db: Db, of: Span): Promise<BySteps<number>> {
  const rows = await db.$queryRaw<{ step: number | null; calls: number }[]>`
    SELECT step, count(*)::int AS calls
    FROM (
      SELECT floor(extract(epoch FROM occurred_at - ${of.from}::timestamptz) * 1000 / ${of.stepMs}::float8)::int AS step
      FROM "usage_event"
      WHERE organization_id = ${of.organizationId} AND function_id = ${of.functionId} AND kind = 'request' AND cold_start
        AND occurred_at >= ${of.from}::timestamptz AND occurred_at < ${of.until}::timestamptz
    ) AS calls
    GROUP BY GROUPING SETS ((step), ())`;
  return new Map(rows.map(({ step, calls }) => [step, calls]));
}

/** Out of each call, for exact percentiles. */
async function readSteps(db: Db, of: Span): Promise<BySteps<CallFigures>> {
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
      SELECT *, floor(extract(epoch FROM occurred_at - ${of.from}::timestamptz) * 1000 / ${of.stepMs}::float8)::int AS step
      FROM "usage_event"
      WHERE organization_id = ${of.organizationId} AND function_id = ${of.functionId}
        AND kind = 'request' AND occurred_at >= ${of.from}::timestamptz AND occurred_at < ${of.until}::timestamptz
    ) AS calls
    GROUP BY GROUPING SETS ((step), ())`;
  return new Map(rows.map(({ step, ...figures }) => [step, figures]));
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
