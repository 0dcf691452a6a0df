import type { Db } from "#server/db/client.ts";
import type { Usage } from "#server/metering/usage.ts";

/** A closed hour of an organization with what it used, as it was sealed last. */
export type Seal = { organizationId: string; hourAt: Date; revision: number } & Usage;

type Span = { organizationId: string; from: Date; to: Date };

/** The newest seal of each hour in a span, oldest first. */
export async function sealsOf(db: Db, { organizationId, from, to }: Span): Promise<Seal[]> {
  return db.$queryRaw<Seal[]>`
    SELECT DISTINCT ON (hour_at) organization_id AS "organizationId", hour_at AS "hourAt", revision,
           requests::bigint AS requests, cpu_ns::bigint AS "cpuNs", egress_bytes::bigint AS "egressBytes"
    FROM usage_seal
    WHERE organization_id = ${organizationId} AND hour_at >= ${from} AND hour_at < ${to}
    ORDER BY hour_at, revision DESC`;
}

/** Organizations and months with a seal that was made since a moment. */
export async function sealedSince(db: Db, since: Date): Promise<{ organizationId: string; monthAt: Date }[]> {
  return db.$queryRaw<{ organizationId: string; monthAt: Date }[]>`
    SELECT DISTINCT organization_id AS "organizationId", date_trunc('month', hour_at, 'UTC') AS "monthAt"
    FROM usage_seal WHERE sealed_at >= ${since}
    ORDER BY 1, 2`;
}

/**
 * Whether a span that is over can change no more in the ordinary course of things: every life of a runtime has shipped
 * what it counted in it, and the seals say what the counters say. Facts that a crash left behind may still come later.
 */
export async function isWhole(db: Db, { organizationId, from, to }: Span): Promise<boolean> {
  const [row] = await db.$queryRaw<{ whole: boolean }[]>`
    SELECT NOT EXISTS (SELECT FROM runtime_epoch WHERE drained_at IS NULL AND shipped_at <= ${to}::timestamptz + interval '5 minutes')
       AND (SELECT (coalesce(sum(requests), 0), coalesce(sum(cpu_ns), 0), coalesce(sum(egress_bytes), 0)) FROM usage_hour
            WHERE organization_id = ${organizationId} AND hour_at >= ${from} AND hour_at < ${to})
         = (SELECT (coalesce(sum(requests), 0), coalesce(sum(cpu_ns), 0), coalesce(sum(egress_bytes), 0)) FROM (
              SELECT DISTINCT ON (hour_at) requests, cpu_ns, egress_bytes FROM usage_seal
              WHERE organization_id = ${organizationId} AND hour_at >= ${from} AND hour_at < ${to}
              ORDER BY hour_at, revision DESC) AS seal) AS whole`;
  return row?.whole === true;
}
