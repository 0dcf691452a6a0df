import { DatabaseError } from "pg";
import type { UsageKind } from "#server/db/generated/enums.ts";
import { poolOf, type Db } from "#server/db/client.ts";
import { releaseLeases } from "./lease.ts";

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
  /** How long a call waited for a process that was still starting; null or left out for one that found it listening, and for what is no call. */
  startUs?: number | null;
};

/** Kinds whose CPU is charged. */
export const BILLED = ["request", "after", "background"] as const satisfies readonly UsageKind[];

/**
 * Puts facts into the ledger, each once however often it is shipped, and moves by the rows that were really new, in one
 * statement: the hourly counters, and for organizations with a budget what it has used of it, out of the lease of the
 * epoch that counted. Returns the number of new rows.
 */
export async function recordUsage(db: Db, facts: readonly UsageFact[]): Promise<number> {
  if (facts.length === 0) return 0;
  const values = [[...BILLED], ...columns.map(({ of }) => facts.map(of))];
  const statement = { name: "record_usage", text: RECORD_USAGE, values };
  const pool = poolOf(db);
  const { rows } = await pool.query<Recorded>(statement).catch((error: unknown) => {
    // A month's partition was attached while the statement waited for the one that these facts fell into before: once again.
    if (!(error instanceof DatabaseError) || error.code !== CHECK_VIOLATION) throw error;
    return pool.query<Recorded>(statement);
  });
  return rows[0]?.inserted ?? 0;
}

type Recorded = { inserted: number };
const CHECK_VIOLATION = "23514";

type Column = { name: string; type: string; of: (fact: UsageFact) => string | number | bigint | boolean | null };

/** What a fact's row has, in the order of the statement's parameters. */
const columns: readonly Column[] = [
  { name: "epoch", type: "bigint", of: (fact) => fact.epoch },
  { name: "seq", type: "bigint", of: (fact) => fact.seq },
  { name: "kind", type: "usage_kind", of: (fact) => fact.kind },
  { name: "organization_id", type: "text", of: (fact) => fact.organizationId },
  { name: "function_id", type: "text", of: (fact) => fact.functionId },
  { name: "version_id", type: "text", of: (fact) => fact.versionId },
  { name: "request_id", type: "text", of: (fact) => fact.requestId },
  { name: "occurred_at", type: "timestamptz", of: (fact) => new Date(fact.occurredAtMs).toISOString() },
  { name: "method", type: "text", of: (fact) => withoutNul(fact.method) },
  { name: "path", type: "text", of: (fact) => withoutNul(fact.path) },
  { name: "status", type: "int", of: (fact) => fact.status },
  { name: "outcome", type: "text", of: (fact) => fact.outcome },
  { name: "wall_us", type: "bigint", of: (fact) => fact.wallUs },
  { name: "cpu_ns", type: "bigint", of: (fact) => fact.cpuNs },
  { name: "ingress_bytes", type: "bigint", of: (fact) => fact.ingressBytes },
  { name: "egress_bytes", type: "bigint", of: (fact) => fact.egressBytes },
  { name: "cold_start", type: "boolean", of: (fact) => fact.coldStart },
  { name: "start_us", type: "int", of: (fact) => fact.startUs ?? null },
];
const columnNames = columns.map(({ name }) => name).join(", ");

/** Postgres' text cannot hold NUL; one that got into a path may not hold up the ledger. */
function withoutNul(text: string | null): string | null {
  return text?.includes("\0") ? text.replaceAll("\0", "\u{FFFD}") : text;
}

/**
 * Rows are locked in one order everywhere, so that runtimes which ship batches of the same organizations at once never
 * wait for each other in a circle: facts by their key, hours by theirs, budgets by organization, leases under their budget.
 */
const countHours = `
  counted AS (
    INSERT INTO usage_hour AS hour (organization_id, function_id, hour_at, requests, cpu_ns, egress_bytes, failures)
    SELECT organization_id, function_id, hour_at, sum(requests), sum(cpu_ns), sum(egress_bytes), sum(failures)
    FROM billed
    GROUP BY 1, 2, 3
    ORDER BY 1, 2, 3
    ON CONFLICT (organization_id, hour_at, function_id) DO UPDATE
    SET requests = hour.requests + excluded.requests, cpu_ns = hour.cpu_ns + excluded.cpu_ns,
        egress_bytes = hour.egress_bytes + excluded.egress_bytes, failures = hour.failures + excluded.failures, sealed = false
  )`;

const countMinutes = `
  charted AS (
    INSERT INTO usage_minute AS minute (organization_id, function_id, minute_at, requests, failures)
    SELECT organization_id, function_id, date_trunc('minute', occurred_at), count(*), count(*) FILTER (WHERE status >= 500)
    FROM inserted WHERE kind = 'request'
    GROUP BY 1, 2, 3
    ORDER BY 1, 2, 3
    ON CONFLICT (organization_id, function_id, minute_at) DO UPDATE
    SET requests = minute.requests + excluded.requests, failures = minute.failures + excluded.failures
  )`;

/** Never below zero: what was used beyond a lease is used all the same. */
const settleLeases = `
  budget AS MATERIALIZED (
    SELECT organization_id, period_from, period_to FROM allowance
    WHERE organization_id IN (SELECT organization_id FROM billed)
    ORDER BY organization_id FOR UPDATE
  ), spent AS MATERIALIZED (
    SELECT organization_id, epoch, sum(requests) AS requests, sum(cpu_ns) AS cpu_ns, sum(egress_bytes) AS egress_bytes
    FROM billed GROUP BY 1, 2
  ), settled AS MATERIALIZED (
    SELECT lease.organization_id, lease.epoch, least(lease.requests, spent.requests) AS requests,
           least(lease.cpu_ns, spent.cpu_ns) AS cpu_ns, least(lease.egress_bytes, spent.egress_bytes) AS egress_bytes
    FROM budget JOIN spent USING (organization_id) JOIN allowance_lease AS lease USING (organization_id, epoch)
    FOR UPDATE OF lease
  ), shrunk AS (
    UPDATE allowance_lease AS lease SET requests = lease.requests - settled.requests, cpu_ns = lease.cpu_ns - settled.cpu_ns,
      egress_bytes = lease.egress_bytes - settled.egress_bytes
    FROM settled WHERE lease.organization_id = settled.organization_id AND lease.epoch = settled.epoch
  )`;

/** What happened outside of the budget's period leaves the lease and is not counted against the budget. */
const moveBudgets = `
  used AS MATERIALIZED (
    SELECT budget.organization_id, coalesce(sum(billed.requests), 0) AS requests, coalesce(sum(billed.cpu_ns), 0) AS cpu_ns,
           coalesce(sum(billed.egress_bytes), 0) AS egress_bytes
    FROM budget LEFT JOIN billed ON billed.organization_id = budget.organization_id
      AND billed.hour_at >= budget.period_from AND billed.hour_at < budget.period_to
    GROUP BY 1
  ), unleased AS MATERIALIZED (
    SELECT organization_id, sum(requests) AS requests, sum(cpu_ns) AS cpu_ns, sum(egress_bytes) AS egress_bytes FROM settled GROUP BY 1
  ), moved AS (
    UPDATE allowance SET requests_used = requests_used + used.requests, cpu_ns_used = cpu_ns_used + used.cpu_ns,
      egress_bytes_used = egress_bytes_used + used.egress_bytes,
      requests_leased = requests_leased - coalesce(unleased.requests, 0), cpu_ns_leased = cpu_ns_leased - coalesce(unleased.cpu_ns, 0),
      egress_bytes_leased = egress_bytes_leased - coalesce(unleased.egress_bytes, 0)
    FROM used LEFT JOIN unleased USING (organization_id)
    WHERE allowance.organization_id = used.organization_id
  )`;

const RECORD_USAGE = `
  WITH fact AS (
    SELECT * FROM unnest(${columns.map(({ type }, index) => `$${index + 2}::${type}[]`).join(", ")}) AS fact(${columnNames})
  ), inserted AS (
    INSERT INTO usage_event (${columnNames}) SELECT ${columnNames} FROM fact ORDER BY epoch, seq
    ON CONFLICT (epoch, seq, occurred_at) DO NOTHING
    RETURNING epoch, kind, organization_id, function_id, occurred_at, status, cpu_ns, egress_bytes
  ), billed AS MATERIALIZED (
    SELECT epoch, organization_id, function_id, date_trunc('hour', occurred_at, 'UTC') AS hour_at,
           count(*) FILTER (WHERE kind = 'request') AS requests, sum(cpu_ns) AS cpu_ns, sum(egress_bytes) AS egress_bytes,
           count(*) FILTER (WHERE kind = 'request' AND status >= 500) AS failures
    FROM inserted WHERE kind = ANY($1::usage_kind[])
    GROUP BY 1, 2, 3, 4
  ), ${countHours}, ${countMinutes}, ${settleLeases}, ${moveBudgets}
  SELECT count(*)::int AS inserted FROM inserted`;

/** Says that everything this epoch counted before `at` is in the ledger: what closing an hour waits for. */
export async function markShipped(db: Db, epoch: bigint, at: Date): Promise<void> {
  await db.runtimeEpoch.update({ where: { epoch }, data: { shippedAt: at }, select: { epoch: true } });
}

/** Says that an ended epoch has nothing left to ship, and gives back what it had leased and did not use. */
export async function markDrained(db: Db, epoch: bigint): Promise<void> {
  await db.$transaction(async (tx) => {
    await tx.runtimeEpoch.updateMany({ where: { epoch, drainedAt: null }, data: { drainedAt: new Date() } });
    await releaseLeases(tx, epoch);
  });
}

/** Begins an epoch: the number that keys everything this process will count. */
export async function beginEpoch(db: Db, of: { node: string; region: string }): Promise<bigint> {
  const { epoch } = await db.runtimeEpoch.create({ data: of, select: { epoch: true } });
  return epoch;
}
