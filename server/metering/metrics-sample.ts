import { poolOf, type Db } from "#server/db/client.ts";
import type { Id } from "#server/std/id.ts";

export type Percentiles = {
  wallMsP50: number | null;
  wallMsP95: number | null;
  cpuMsP50: number | null;
  cpuMsP95: number | null;
};

export type MetricsSpan = { organizationId: Id<"organization">; functionId: Id<"function">; from: Date; until: Date };

/** In each step, the calls of a few minutes are looked at, and of each minute those at a few moments of it. */
const MINUTES_A_STEP = 8;
const SLICES_A_MINUTE = 2;
const CALLS_A_SLICE = 32;

type Call = { step: number; wallUs: number; cpuNs: number; weight: number };

/**
 * How long calls took, out of some 500 calls a step instead of all of them: what can be read of a function with millions of calls
 * while somebody waits. Minutes count by the requests that they had, so quiet ones do not outvote busy ones.
 */
export async function samplePercentiles(
  db: Db,
  { organizationId, functionId, from, until, stepMs }: MetricsSpan & { stepMs: number },
): Promise<{ total: Percentiles; byStep: Map<number, Percentiles> }> {
  const { rows } = await poolOf(db).query<Call>({
    name: "metrics_sample",
    text: SAMPLE,
    values: [organizationId, functionId, from, until, stepMs],
  });
  const steps = Map.groupBy(rows, (call) => call.step);
  return {
    total: percentilesOf(rows),
    byStep: new Map([...steps].map(([step, calls]) => [step, percentilesOf(calls)])),
  };
}

/** Every nth minute of a step, so that they lie all over it. A call stands for its share of its minute's requests. */
const SAMPLE = `
  WITH minute AS (
    SELECT minute_at, requests, floor(extract(epoch FROM minute_at - $3::timestamptz) * 1000 / $5::float8)::int AS step
    FROM usage_minute
    WHERE organization_id = $1 AND function_id = $2 AND minute_at >= $3::timestamptz AND minute_at < $4::timestamptz AND requests > 0
  ), numbered AS (
    SELECT *, row_number() OVER (PARTITION BY step ORDER BY minute_at) - 1 AS place, count(*) OVER (PARTITION BY step) AS minutes FROM minute
  ), chosen AS MATERIALIZED (
    SELECT minute_at, requests, step FROM numbered WHERE place % greatest(1, ceil(minutes / ${MINUTES_A_STEP}.0)::int) = 0
  )
  SELECT chosen.step, call.wall_us::float8 AS "wallUs", call.cpu_ns::float8 AS "cpuNs",
         chosen.requests::float8 / count(*) OVER (PARTITION BY chosen.minute_at) AS weight
  FROM chosen
  CROSS JOIN generate_series(0, ${SLICES_A_MINUTE - 1}) AS slice
  CROSS JOIN LATERAL (
    SELECT wall_us, cpu_ns FROM usage_event
    WHERE function_id = $2 AND organization_id = $1 AND kind = 'request'
      AND occurred_at >= chosen.minute_at + slice * interval '${60 / SLICES_A_MINUTE} seconds'
      AND occurred_at < chosen.minute_at + (slice + 1) * interval '${60 / SLICES_A_MINUTE} seconds'
    ORDER BY occurred_at LIMIT ${CALLS_A_SLICE}
  ) AS call`;

function percentilesOf(calls: readonly Call[]): Percentiles {
  const wallUs = weighted(calls, (call) => call.wallUs);
  const cpuNs = weighted(calls, (call) => call.cpuNs);
  return {
    wallMsP50: scaled(wallUs(0.5), 1e3),
    wallMsP95: scaled(wallUs(0.95), 1e3),
    cpuMsP50: scaled(cpuNs(0.5), 1e6),
    cpuMsP95: scaled(cpuNs(0.95), 1e6),
  };
}

/** The value below which a share of all weight lies. */
function weighted(calls: readonly Call[], valueOf: (call: Call) => number): (share: number) => number | null {
  const sorted = calls.toSorted((a, b) => valueOf(a) - valueOf(b));
  const whole = sorted.reduce((sum, { weight }) => sum + weight, 0);
  return (share) => {
    let below = 0;
    const found = sorted.find(({ weight }) => (below += weight) >= share * whole);
    return found ? valueOf(found) : null;
  };
}

function scaled(value: number | null, by: number): number | null {
  return value === null ? null : value / by;
}
