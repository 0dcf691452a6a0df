import type { Db } from "#server/db/client.ts";
import type { UsageKind } from "#server/db/generated/enums.ts";
import { HOUR_MS } from "#server/std/clock.ts";
import type { Id } from "#server/std/id.ts";

/** One charged fact of an hour: a call, or CPU that was used beside calls. */
export type HourFact = {
  /** Where the next page begins: "epoch.seq". */
  key: string;
  kind: Exclude<UsageKind, "unbilled">;
  functionName: string | null;
  requestId: string | null;
  occurredAt: Date;
  method: string | null;
  path: string | null;
  status: number | null;
  cpuNs: bigint;
  egressBytes: bigint;
};

const PAGE = 100;

type Row = Omit<HourFact, "key"> & { epoch: bigint; seq: bigint };

/** The charged facts of an organization's hour, a page at a time, in the order in which seals cover them. */
export async function hourFacts(
  db: Db,
  of: { organizationId: Id<"organization">; hourAt: Date; afterKey: string | null },
): Promise<{ facts: HourFact[]; nextKey: string | null }> {
  const { organizationId, hourAt, afterKey } = of;
  const [epoch = 0n, seq = 0n] = (afterKey ?? "0.0").split(".").map((part) => BigInt(part));
  const end = new Date(hourAt.getTime() + HOUR_MS);
  const rows = await db.$queryRaw<Row[]>`
    SELECT event.epoch, event.seq, event.kind::text AS kind, function.name AS "functionName", event.request_id AS "requestId",
           event.occurred_at AS "occurredAt", event.method, event.path, event.status, event.cpu_ns AS "cpuNs",
           event.egress_bytes AS "egressBytes"
    FROM usage_event AS event LEFT JOIN function ON function.id = event.function_id
    WHERE event.organization_id = ${organizationId}
      AND event.function_id = ANY(ARRAY(
        SELECT function_id FROM usage_hour WHERE organization_id = ${organizationId} AND hour_at = ${hourAt}))
      AND event.occurred_at >= ${hourAt} AND event.occurred_at < ${end} AND event.kind <> 'unbilled'
      AND (event.epoch, event.seq) > (${epoch}, ${seq})
    ORDER BY event.epoch, event.seq LIMIT ${PAGE + 1}`;
  const facts = rows.slice(0, PAGE).map(({ epoch, seq, ...fact }) => ({ ...fact, key: `${epoch}.${seq}` }));
  return { facts, nextKey: rows.length > PAGE ? (facts.at(-1)?.key ?? null) : null };
}
