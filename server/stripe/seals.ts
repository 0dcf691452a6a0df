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
