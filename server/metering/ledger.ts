import type { UsageKind } from "#server/db/generated/enums.ts";
import type { Db } from "#server/db/client.ts";

/** One fact for the ledger. Its key is who counted it and which it was: (epoch, seq). */
export type UsageFact = {
  epoch: bigint;
  seq: bigint;
  kind: UsageKind;
  organizationId: string;
  functionId: string;
  versionId: string;
  requestId: string | null;
  occurredAtMs: number;
  method: string | null;
  path: string | null;
  status: number | null;
  outcome: string;
  wallUs: number;
  cpuNs: number;
  ingressBytes: number;
  egressBytes: number;
  coldStart: boolean;
};

/** Kinds whose CPU is charged. */
const BILLED = ["request", "after", "background"] as const satisfies readonly UsageKind[];

/**
 * Puts facts into the ledger, each once however often it is shipped, and moves the hourly counters by the rows that were
 * really new, in one statement. Returns the number of new rows.
 */
export async function recordUsage(db: Db, facts: readonly UsageFact[]): Promise<number> {
  if (facts.length === 0) return 0;
  const [result] = await db.$queryRaw<{ inserted: number }[]>`
      WITH fact AS (
        SELECT * FROM unnest(
          ${facts.map((f) => f.epoch)}::bigint[], ${facts.map((f) => f.seq)}::bigint[], ${facts.map((f) => f.kind)}::usage_kind[],
          ${facts.map((f) => f.organizationId)}::text[], ${facts.map((f) => f.functionId)}::text[], ${facts.map((f) => f.versionId)}::text[],
          ${facts.map((f) => f.requestId)}::text[], ${facts.map((f) => f.occurredAtMs)}::float8[], ${facts.map((f) => f.method)}::text[],
          ${facts.map((f) => f.path)}::text[], ${facts.map((f) => f.status)}::int[], ${facts.map((f) => f.outcome)}::text[],
          ${facts.map((f) => BigInt(f.wallUs))}::bigint[], ${facts.map((f) => BigInt(f.cpuNs))}::bigint[],
          ${facts.map((f) => BigInt(f.ingressBytes))}::bigint[], ${facts.map((f) => BigInt(f.egressBytes))}::bigint[],
          ${facts.map((f) => f.coldStart)}::boolean[]
        ) AS t(epoch, seq, kind, organization_id, function_id, version_id, request_id, occurred_at_ms, method, path, status, outcome,
               wall_us, cpu_ns, ingress_bytes, egress_bytes, cold_start)
      ), inserted AS (
        INSERT INTO usage_event (epoch, seq, kind, organization_id, function_id, version_id, request_id, occurred_at, method, path,
                                 status, outcome, wall_us, cpu_ns, ingress_bytes, egress_bytes, cold_start)
        SELECT epoch, seq, kind, organization_id, function_id, version_id, request_id, to_timestamp(occurred_at_ms / 1000), method, path,
               status, outcome, wall_us, cpu_ns, ingress_bytes, egress_bytes, cold_start
        FROM fact
        ON CONFLICT (epoch, seq) DO NOTHING
        RETURNING kind, organization_id, function_id, occurred_at, status, cpu_ns, egress_bytes
      ), counted AS (
        INSERT INTO usage_hour AS hour (organization_id, function_id, hour_at, requests, cpu_ns, egress_bytes, failures)
        SELECT organization_id, function_id, date_trunc('hour', occurred_at, 'UTC'),
               count(*) FILTER (WHERE kind = 'request'),
               coalesce(sum(cpu_ns), 0), coalesce(sum(egress_bytes), 0),
               count(*) FILTER (WHERE kind = 'request' AND status >= 500)
        FROM inserted WHERE kind = ANY(${[...BILLED]}::usage_kind[])
        GROUP BY 1, 2, 3
        ORDER BY 1, 2, 3
        ON CONFLICT (organization_id, hour_at, function_id) DO UPDATE
        SET requests = hour.requests + excluded.requests, cpu_ns = hour.cpu_ns + excluded.cpu_ns,
            egress_bytes = hour.egress_bytes + excluded.egress_bytes, failures = hour.failures + excluded.failures
      )
      SELECT count(*)::int AS inserted FROM inserted`;
  return result?.inserted ?? 0;
}

/** Says that everything this epoch counted before `at` is in the ledger: what closing an hour waits for. */
export async function markShipped(db: Db, epoch: bigint, at: Date): Promise<void> {
  await db.runtimeEpoch.update({ where: { epoch }, data: { shippedAt: at }, select: { epoch: true } });
}

/** Says that an ended epoch has nothing left to ship. */
export async function markDrained(db: Db, epoch: bigint): Promise<void> {
  await db.runtimeEpoch.updateMany({ where: { epoch, drainedAt: null }, data: { drainedAt: new Date() } });
}

/** Begins an epoch: the number that keys everything this process will count. */
export async function beginEpoch(db: Db, of: { node: string; region: string }): Promise<bigint> {
  const { epoch } = await db.runtimeEpoch.create({ data: of, select: { epoch: true } });
  return epoch;
}
