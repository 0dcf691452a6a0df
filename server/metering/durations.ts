import type { Db } from "#server/db/client.ts";
import type { Id } from "#server/std/id.ts";

/** Enough for an average, and few enough to be read from one index at any size of the ledger. */
const CALLS_A_FUNCTION = 200;

/**
 * About how long an organization's requests of a period took, all together, in microseconds: for each function the
 * average of its newest calls, times the requests that were counted. For comparisons; no bill is made of it.
 */
export async function estimateDurationUs(
  db: Db,
  of: { organizationId: Id<"organization">; from: Date; to: Date },
): Promise<bigint> {
  const [row] = await db.$queryRaw<{ durationUs: bigint }[]>`
    SELECT coalesce(sum(counted.requests * newest.average), 0)::bigint AS "durationUs"
    FROM (
      SELECT function_id, sum(requests) AS requests FROM usage_hour
      WHERE organization_id = ${of.organizationId} AND hour_at >= ${of.from} AND hour_at < ${of.to}
      GROUP BY function_id
    ) AS counted
    CROSS JOIN LATERAL (
      SELECT avg(wall_us) AS average FROM (
        SELECT wall_us FROM usage_event
        WHERE organization_id = ${of.organizationId} AND function_id = counted.function_id AND kind = 'request'
        ORDER BY occurred_at DESC LIMIT ${CALLS_A_FUNCTION}
      ) AS call
    ) AS newest`;
  return row?.durationUs ?? 0n;
}

/** The first hour in which an organization used anything; null if none. */
export async function firstUsedHour(db: Db, organizationId: Id<"organization">): Promise<Date | null> {
  const { _min } = await db.usageHour.aggregate({ where: { organizationId }, _min: { hourAt: true } });
  return _min.hourAt;
}
