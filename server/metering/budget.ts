import { channels } from "#server/contract/notify.ts";
import type { Db, Tx } from "#server/db/client.ts";
import type { Id } from "#server/std/id.ts";
import { parseCents, picocents, roundToCents } from "#server/std/money.ts";
import type { Usage } from "./usage.ts";

/** What a meter adds to the bill: nothing up to `included`, then `price` for each `per` units. */
export type MeterWeight = {
  included: bigint;
  /** Decimal cents, at most 12 places. */
  price: string;
  per: bigint;
};

/** How much an organization may use in a period. Metering knows no price book: billing hands it the weights. */
export type Budget = {
  /** Whole UTC hours; a UTC month. */
  period: { from: Date; to: Date };
  /** What usage may add to the bill at most. 0: what is included, and no more. */
  mostCents: bigint;
  weights: Record<keyof Usage, MeterWeight>;
};

export type Verdict = { state: "open" } | { state: "stopped"; reason: string };

export type BudgetState = {
  /** An operator's pause, or unpaid. Independent of whether the budget is used up. */
  verdict: Verdict;
  /** Null until billing has set one. */
  budget: Budget | null;
  /** Of the budget's period, as far as it is in the ledger. */
  used: Usage;
  /** Reserved by runtimes: used already and on its way to the ledger, or not used yet. */
  leased: Usage;
  /** The least that a runtime last asked for and could not get, until it gets something again. */
  refused: Usage | null;
};

const meters = ["requests", "cpuNs", "egressBytes"] as const satisfies readonly (keyof Usage)[];

/** What usage costs by a budget's weights. */
export function costCents(weights: Budget["weights"], used: Usage): bigint {
  return meters.reduce((sum, meter) => sum + meterCents(weights[meter], used[meter]), 0n);
}

/** What one meter adds: rounded half up to picocents, then to cents, as an invoice's line is and as the database's `metered_cents` does. */
export function meterCents({ included, price, per }: MeterWeight, used: bigint): bigint {
  const billable = used > included ? used - included : 0n;
  return roundToCents(picocents((2n * billable * parseCents(price) + per) / (2n * per)));
}

/**
 * Puts a budget in force, for leases that are taken from now on; those that are out stay out. A new period begins with
 * what the ledger has of it. Tells the runtimes when something changed. Call it in the transaction that changed the plan,
 * the cap or the price; with several organizations in one transaction, in the order of their ids.
 */
export async function setBudget(tx: Tx, organizationId: Id<"organization">, budget: Budget): Promise<void> {
  const { period, mostCents, weights } = budget;
  const { requests, cpuNs, egressBytes } = weights;
  await lockBudget(tx, organizationId);
  await releaseFenced(tx, organizationId, period.from);
  // A statement of its own, so that it sees the hours of all who moved this row before the lock was ours.
  await tx.$executeRaw`
    WITH changed AS (
      UPDATE allowance SET
        period_from = ${period.from}, period_to = ${period.to}, most_cents = ${mostCents},
        requests_included = ${requests.included}, requests_price = ${requests.price}::numeric, requests_per = ${requests.per},
        cpu_ns_included = ${cpuNs.included}, cpu_ns_price = ${cpuNs.price}::numeric, cpu_ns_per = ${cpuNs.per},
        egress_bytes_included = ${egressBytes.included}, egress_bytes_price = ${egressBytes.price}::numeric, egress_bytes_per = ${egressBytes.per},
        requests_used = used.requests, cpu_ns_used = used.cpu_ns, egress_bytes_used = used.egress_bytes,
        requests_refused = NULL, cpu_ns_refused = NULL, egress_bytes_refused = NULL, updated_at = now()
      FROM (
        SELECT coalesce(sum(requests), 0) AS requests, coalesce(sum(cpu_ns), 0) AS cpu_ns, coalesce(sum(egress_bytes), 0) AS egress_bytes
        FROM usage_hour
        WHERE organization_id = ${organizationId} AND hour_at >= ${period.from} AND hour_at < ${period.to}
      ) AS used
      WHERE organization_id = ${organizationId}
        AND (period_from, period_to, most_cents, requests_included, requests_price, requests_per, cpu_ns_included, cpu_ns_price,
             cpu_ns_per, egress_bytes_included, egress_bytes_price, egress_bytes_per)
          IS DISTINCT FROM
            (${period.from}::timestamptz, ${period.to}::timestamptz, ${mostCents}::bigint,
             ${requests.included}::bigint, ${requests.price}::numeric, ${requests.per}::bigint, ${cpuNs.included}::bigint, ${cpuNs.price}::numeric,
             ${cpuNs.per}::bigint, ${egressBytes.included}::bigint, ${egressBytes.price}::numeric, ${egressBytes.per}::bigint)
      RETURNING organization_id
    )
    SELECT pg_notify(${channels.organization}, organization_id) FROM changed`;
}

/** Stops an organization's functions, with the reason that callers are told, or opens them again. Tells the runtimes. */
export async function setVerdict(tx: Tx, organizationId: Id<"organization">, verdict: Verdict): Promise<void> {
  const reason = verdict.state === "stopped" ? verdict.reason : "";
  await lockBudget(tx, organizationId);
  await tx.$executeRaw`
    WITH changed AS (
      UPDATE allowance SET state = ${verdict.state}, reason = ${reason}, updated_at = now()
      WHERE organization_id = ${organizationId} AND (state, reason) IS DISTINCT FROM (${verdict.state}, ${reason})
      RETURNING organization_id
    )
    SELECT pg_notify(${channels.organization}, organization_id) FROM changed`;
}

/** The next month under the same weights and cap: used is what the ledger has of it so far; leases that are out stay out. */
export async function beginNextPeriod(db: Db, organizationId: Id<"organization">, now?: Date): Promise<void> {
  await db.$transaction(async (tx) => {
    await lockBudget(tx, organizationId);
    await releaseFenced(tx, organizationId, now);
    await tx.$executeRaw`
      WITH month AS (
        SELECT begins, (begins AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC' AS ends
        FROM (SELECT date_trunc('month', coalesce(${now ?? null}::timestamptz, clock_timestamp()), 'UTC') AS begins) AS month
      ), used AS (
        SELECT coalesce(sum(requests), 0) AS requests, coalesce(sum(cpu_ns), 0) AS cpu_ns, coalesce(sum(egress_bytes), 0) AS egress_bytes
        FROM usage_hour, month
        WHERE organization_id = ${organizationId} AND hour_at >= begins AND hour_at < ends
      )
      UPDATE allowance SET
        period_from = begins, period_to = ends,
        requests_used = used.requests, cpu_ns_used = used.cpu_ns, egress_bytes_used = used.egress_bytes,
        requests_refused = NULL, cpu_ns_refused = NULL, egress_bytes_refused = NULL
      FROM month, used
      WHERE organization_id = ${organizationId} AND period_to <= begins`;
  });
}

/** Frees what fenced lives hold, once the period in which they may have used it is over at `at`. */
async function releaseFenced(tx: Tx, organizationId: Id<"organization">, at: Date | undefined): Promise<void> {
  await tx.$executeRaw`
    WITH released AS (
      DELETE FROM allowance_lease AS lease USING runtime_epoch, allowance
      WHERE lease.organization_id = ${organizationId} AND allowance.organization_id = ${organizationId}
        AND allowance.period_to <= coalesce(${at ?? null}::timestamptz, clock_timestamp())
        AND runtime_epoch.epoch = lease.epoch AND runtime_epoch.fenced_at IS NOT NULL
      RETURNING lease.requests, lease.cpu_ns, lease.egress_bytes
    ), freed AS (
      SELECT sum(requests) AS requests, sum(cpu_ns) AS cpu_ns, sum(egress_bytes) AS egress_bytes FROM released HAVING count(*) > 0
    )
    UPDATE allowance SET requests_leased = requests_leased - freed.requests, cpu_ns_leased = cpu_ns_leased - freed.cpu_ns,
      egress_bytes_leased = egress_bytes_leased - freed.egress_bytes
    FROM freed WHERE organization_id = ${organizationId}`;
}

/** Takes the row's lock until the transaction ends, making the row where a organization has none. */
async function lockBudget(tx: Tx, organizationId: Id<"organization">): Promise<void> {
  await tx.$executeRaw`
    INSERT INTO allowance (organization_id) VALUES (${organizationId})
    ON CONFLICT (organization_id) DO UPDATE SET organization_id = excluded.organization_id`;
}

const budgetColumns = {
  state: true,
  reason: true,
  periodFrom: true,
  periodTo: true,
  mostCents: true,
  requestsIncluded: true,
  requestsPrice: true,
  requestsPer: true,
  cpuNsIncluded: true,
  cpuNsPrice: true,
  cpuNsPer: true,
  egressBytesIncluded: true,
  egressBytesPrice: true,
  egressBytesPer: true,
  requestsUsed: true,
  cpuNsUsed: true,
  egressBytesUsed: true,
  requestsLeased: true,
  cpuNsLeased: true,
  egressBytesLeased: true,
  requestsRefused: true,
  cpuNsRefused: true,
  egressBytesRefused: true,
} as const;

/** An organization's budget and where it stands. */
export async function budgetState(db: Db | Tx, organizationId: Id<"organization">): Promise<BudgetState> {
  const row = await db.allowance.findUnique({ where: { organizationId }, select: budgetColumns });
  const none = { requests: 0n, cpuNs: 0n, egressBytes: 0n };
  if (!row) return { verdict: { state: "open" }, budget: null, used: none, leased: none, refused: null };
  const { periodFrom: from, periodTo: to, mostCents } = row;
  const weights = {
    requests: { included: row.requestsIncluded, price: row.requestsPrice.toFixed(), per: row.requestsPer },
    cpuNs: { included: row.cpuNsIncluded, price: row.cpuNsPrice.toFixed(), per: row.cpuNsPer },
    egressBytes: { included: row.egressBytesIncluded, price: row.egressBytesPrice.toFixed(), per: row.egressBytesPer },
  };
  const { requestsRefused, cpuNsRefused, egressBytesRefused } = row;
  return {
    verdict: row.state === "stopped" ? { state: "stopped", reason: row.reason } : { state: "open" },
    budget: from && to ? { period: { from, to }, mostCents, weights } : null,
    used: { requests: row.requestsUsed, cpuNs: row.cpuNsUsed, egressBytes: row.egressBytesUsed },
    leased: { requests: row.requestsLeased, cpuNs: row.cpuNsLeased, egressBytes: row.egressBytesLeased },
    refused:
      requestsRefused === null
        ? null
        : { requests: requestsRefused, cpuNs: cpuNsRefused ?? 0n, egressBytes: egressBytesRefused ?? 0n },
  };
}
