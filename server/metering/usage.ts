import type { Id } from "#server/std/id.ts";
import type { Db } from "#server/db/client.ts";
import type { LogRecord, RequestRecord } from "#server/contract/usage.ts";

/** Quantities, exact. The ledger counts nanoseconds and bytes; only prices round. */
export type Usage = { requests: bigint; cpuNs: bigint; egressBytes: bigint };

export type UsageReport = {
  total: Usage;
  /** One entry for each day of the range so far, UTC, oldest first; days without usage are zero. */
  byDay: { dayAt: Date; usage: Usage }[];
  /** Largest CPU first. A deleted function keeps its usage under its id, with name null. */
  byFunction: { functionId: Id<"function">; name: string | null; usage: Usage; failures: bigint }[];
};

export declare function usageReport(db: Db, range: { organizationId: Id<"organization">; from: Date; to: Date }): Promise<UsageReport>;
export declare function recentRequests(
  db: Db,
  of: { organizationId: Id<"organization">; functionId: Id<"function">; limit: number },
): Promise<RequestRecord[]>;
export declare function requestById(
  db: Db,
  of: { organizationId: Id<"organization">; requestId: Id<"request"> },
): Promise<RequestRecord | null>;
export declare function recentLogs(
  db: Db,
  of: { organizationId: Id<"organization">; functionId: Id<"function">; afterId?: string | undefined; requestId?: Id<"request"> | undefined; limit: number },
): Promise<LogRecord[]>;
