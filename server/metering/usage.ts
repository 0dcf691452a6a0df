import { asId, type Id } from "#server/std/id.ts";
import type { Db } from "#server/db/client.ts";
import { DAY_MS } from "#server/std/clock.ts";
import { requestOutcome, type RequestRecord } from "#server/contract/usage.ts";

/** Quantities, exact. The ledger counts nanoseconds and bytes; only prices round. */
export type Usage = { requests: bigint; cpuNs: bigint; egressBytes: bigint };

export type UsageReport = {
  total: Usage;
  /** One entry a day of the range that has begun, UTC, oldest first; days without usage are zero. */
  byDay: { dayAt: Date; usage: Usage }[];
  /** Most CPU first. A deleted function keeps its usage, with name null. */
  byFunction: { functionId: Id<"function">; name: string | null; usage: Usage; failures: bigint }[];
};

/** What an organization used from `from` (inclusive) to `to` (exclusive), both on whole UTC hours, out of the hourly counters. */
export async function usageReport(
  db: Db,
  range: { organizationId: Id<"organization">; from: Date; to: Date; now: Date },
): Promise<UsageReport> {
  const [sums, names] = await Promise.all([
    sumDaysAndFunctions(db, range),
    db.function.findMany({ where: { organizationId: range.organizationId }, select: { id: true, name: true } }),
  ]);
  const nameOf = new Map(names.map((row) => [row.id, row.name]));
  const byDay = emptyDays(range);
  const total = zero();
  const byFunction: UsageReport["byFunction"] = [];
  for (const { dayAt, functionId, failures, ...usage } of sums) {
    if (functionId !== null) {
      byFunction.push({
        functionId: asId("function", functionId),
        name: nameOf.get(functionId) ?? null,
        usage,
        failures,
      });
    }
    if (dayAt === null) continue;
    add(total, usage);
    const day = byDay[Math.floor((dayAt.getTime() - range.from.getTime()) / DAY_MS)];
    if (day) add(day.usage, usage);
  }
  byFunction.sort((a, b) => (a.usage.cpuNs < b.usage.cpuNs ? 1 : -1));
  return { total, byDay, byFunction };
}

/** Both sums from one reading of the counters: a row a day, counted from the range's start, and a row a function. */
function sumDaysAndFunctions(db: Db, range: { organizationId: string; from: Date; to: Date }) {
  return db.$queryRaw<(Usage & { dayAt: Date | null; functionId: string | null; failures: bigint })[]>`
    SELECT day_at AS "dayAt", function_id AS "functionId", sum(requests)::bigint AS requests, sum(cpu_ns)::bigint AS "cpuNs",
           sum(egress_bytes)::bigint AS "egressBytes", sum(failures)::bigint AS failures
    FROM (
      SELECT *, date_bin('1 day', hour_at, ${range.from}::timestamptz) AS day_at FROM usage_hour
      WHERE organization_id = ${range.organizationId} AND hour_at >= ${range.from} AND hour_at < ${range.to}
    ) AS hour
    GROUP BY GROUPING SETS ((day_at), (function_id))`;
}

function emptyDays(range: { from: Date; to: Date; now: Date }): { dayAt: Date; usage: Usage }[] {
  const end = Math.min(range.to.getTime(), range.now.getTime());
  const days = Math.max(0, Math.ceil((end - range.from.getTime()) / DAY_MS));
  return Array.from({ length: days }, (_, day) => ({
    dayAt: new Date(range.from.getTime() + day * DAY_MS),
    usage: zero(),
  }));
}

function zero(): Usage {
  return { requests: 0n, cpuNs: 0n, egressBytes: 0n };
}

function add(into: Usage, usage: Usage): void {
  into.requests += usage.requests;
  into.cpuNs += usage.cpuNs;
  into.egressBytes += usage.egressBytes;
}

const requestColumns = {
  requestId: true,
  functionId: true,
  versionId: true,
  occurredAt: true,
  method: true,
  path: true,
  status: true,
  outcome: true,
  wallUs: true,
  cpuNs: true,
  ingressBytes: true,
  egressBytes: true,
  coldStart: true,
} as const;

/** The newest calls of a function, newest first. */
export async function recentRequests(
  db: Db,
  of: { organizationId: Id<"organization">; functionId: Id<"function">; limit: number },
): Promise<RequestRecord[]> {
  const rows = await db.usageEvent.findMany({
    where: { organizationId: of.organizationId, functionId: of.functionId, kind: "request" },
    orderBy: { occurredAt: "desc" },
    take: of.limit,
    select: requestColumns,
  });
  return withVersionNumbers(db, rows);
}

/** One call, once the ledger has it; null before, and for calls of others. */
export async function requestById(
  db: Db,
  of: { organizationId: Id<"organization">; requestId: Id<"request"> },
): Promise<RequestRecord | null> {
  const rows = await db.usageEvent.findMany({
    where: { requestId: of.requestId, organizationId: of.organizationId, kind: "request" },
    take: 1,
    select: requestColumns,
  });
  return (await withVersionNumbers(db, rows))[0] ?? null;
}

/** A call as the ledger has it. */
export type RequestRow = {
  [Column in "requestId" | "method" | "path"]: string | null;
} & {
  functionId: string;
  versionId: string;
  occurredAt: Date;
  status: number | null;
  outcome: string;
  wallUs: bigint;
  cpuNs: bigint;
  ingressBytes: bigint;
  egressBytes: bigint;
  coldStart: boolean;
};

/** Calls as the pages show them, with the numbers of their versions. */
export async function withVersionNumbers(db: Db, rows: RequestRow[]): Promise<RequestRecord[]> {
  const numberOf = await versionNumbers(
    db,
    rows.map((row) => row.versionId),
  );
  return rows.map(({ versionId, occurredAt, wallUs, ...row }) => ({
    ...row,
    requestId: row.requestId ?? "",
    versionNumber: numberOf.get(versionId) ?? 0,
    occurredAtMs: occurredAt.getTime(),
    method: row.method ?? "",
    path: row.path ?? "",
    status: row.status ?? 0,
    outcome: requestOutcome.parse(row.outcome),
    wallUs: Number(wallUs),
  }));
}

export async function versionNumbers(db: Db, versionIds: string[]): Promise<Map<string, number>> {
  if (versionIds.length === 0) return new Map();
  const versions = await db.version.findMany({
    where: { id: { in: [...new Set(versionIds)] } },
    select: { id: true, number: true },
  });
  return new Map(versions.map((version) => [version.id, version.number]));
}
