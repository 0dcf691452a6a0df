import type { Db, Tx } from "#server/db/client.ts";
import type { Usage } from "./usage.ts";

export type UsageRange = { organizationId: string; from: Date; to: Date };

/** What was used in each of the ranges, in their order, in one query whatever their number. Ends are whole UTC hours. */
export async function usageOfRanges(db: Db | Tx, ranges: readonly UsageRange[]): Promise<Usage[]> {
  if (ranges.length === 0) return [];
  return db.$queryRaw<Usage[]>`
    SELECT coalesce(sum(hour.requests), 0)::bigint AS requests, coalesce(sum(hour.cpu_ns), 0)::bigint AS "cpuNs",
           coalesce(sum(hour.egress_bytes), 0)::bigint AS "egressBytes"
    FROM unnest(${ranges.map((range) => range.organizationId)}::text[], ${ranges.map((range) => range.from)}::timestamptz[],
                ${ranges.map((range) => range.to)}::timestamptz[]) WITH ORDINALITY AS range(organization_id, from_at, to_at, position)
    LEFT JOIN usage_hour AS hour
      ON hour.organization_id = range.organization_id AND hour.hour_at >= range.from_at AND hour.hour_at < range.to_at
    GROUP BY range.position
    ORDER BY range.position`;
}
