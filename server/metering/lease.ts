import { poolOf, type Db, type Tx } from "#server/db/client.ts";
import type { Id } from "#server/std/id.ts";
import { beginNextPeriod, budgetState } from "./budget.ts";
import { refusalWords } from "./refusal-words.ts";
import type { Usage } from "./usage.ts";

export type LeaseRequest = {
  organizationId: Id<"organization">;
  /** The runtime life that will use it. */
  epoch: bigint;
  /** What would do for a while. */
  want: Usage;
  /** What the next call alone may need. Less is never granted. */
  least: Usage;
};

export type LeaseAnswer =
  | { kind: "granted"; granted: Usage }
  | { kind: "refused"; because: RefusedBecause; reason: string };

/**
 * stopped: by an operator, or unpaid. used_up: the ledger has used what the budget gives. leased_elsewhere: something is
 * left, but other runtimes hold it; it may come back at any moment. no_budget: billing has set none yet.
 * epoch_over: this life was fenced or is drained, and may serve nothing more.
 */
export type RefusedBecause = "stopped" | "used_up" | "leased_elsewhere" | "no_budget" | "epoch_over";

type Answer = {
  verdict: RefusedBecause | "granted" | "period_over";
  requests: string | null;
  cpuNs: string | null;
  egressBytes: string | null;
};

/**
 * Reserves part of what an organization may still use: at most half of what is left, so that other runtimes find
 * something too, and no less than `least`. In one statement under the lock of the organization's budget, so that
 * used and leased together never cost more than the budget, whoever asks at the same time.
 * When the budget's month is over, it begins the next one by itself. `now` is the database's clock unless a test moves it:
 * all runtimes then agree on when a month ends.
 */
export async function takeLease(db: Db, request: LeaseRequest, now?: Date): Promise<LeaseAnswer> {
  let answer = await ask(db, request, now);
  if (answer.verdict === "period_over") {
    await beginNextPeriod(db, request.organizationId, now);
    answer = await ask(db, request, now);
  }
  const { verdict, requests, cpuNs, egressBytes } = answer;
  switch (verdict) {
    case "granted":
      return {
        kind: "granted",
        granted: {
          requests: BigInt(requests ?? 0),
          cpuNs: BigInt(cpuNs ?? 0),
          egressBytes: BigInt(egressBytes ?? 0),
        },
      };
    case "stopped":
    case "used_up":
    case "leased_elsewhere":
    case "no_budget":
    case "epoch_over":
      return { kind: "refused", because: verdict, reason: await reasonOf(db, request, verdict) };
    case "period_over":
      throw new Error("the period was over again right after the next one had begun");
  }
}

/** Refusals are rare, and who is refused asks no more for a while: so the reason may take a question of its own. */
async function reasonOf(db: Db, { organizationId, least }: LeaseRequest, because: RefusedBecause): Promise<string> {
  const { verdict, budget, used } = await budgetState(db, organizationId);
  return refusalWords({ because, reason: verdict.state === "stopped" ? verdict.reason : "", budget, used, least });
}

/** From any sensible wish down to nothing beyond `least`. */
const HALVINGS = 40;

async function ask(db: Db, request: LeaseRequest, now: Date | undefined): Promise<Answer> {
  const { organizationId, epoch, want, least } = request;
  const values = [
    organizationId,
    epoch,
    now ?? null,
    want.requests,
    want.cpuNs,
    want.egressBytes,
    least.requests,
    least.cpuNs,
    least.egressBytes,
  ];
  const { rows } = await poolOf(db).query<Answer>({ name: "take_lease", text: TAKE_LEASE, values });
  if (!rows[0]) throw new Error("a lease was asked for, and there is no answer");
  return rows[0];
}

/** What the budget costs if more is used beside what is used already: one expression a meter. */
function costWith(expression: (meter: string) => string): string {
  const cents = ["requests", "cpu_ns", "egress_bytes"].map(
    (meter) => `metered_cents(${meter}_used + ${expression(meter)}, ${meter}_included, ${meter}_price, ${meter}_per)`,
  );
  return `(${cents.join(" + ")})`;
}

const judge = `
  living AS MATERIALIZED (
    SELECT runtime_epoch.epoch FROM wish JOIN runtime_epoch USING (epoch) WHERE drained_at IS NULL AND fenced_at IS NULL
    FOR SHARE OF runtime_epoch
  ), budget AS MATERIALIZED (
    SELECT allowance.*, at, requests_want, cpu_ns_want, egress_bytes_want, requests_least, cpu_ns_least, egress_bytes_least
    FROM living JOIN wish USING (epoch) JOIN allowance USING (organization_id) FOR UPDATE OF allowance
  ), judged AS MATERIALIZED (
    SELECT *, CASE
      WHEN state = 'stopped' THEN 'stopped'
      WHEN period_to IS NULL THEN 'no_budget'
      WHEN at >= period_to THEN 'period_over'
      WHEN ${costWith((meter) => `${meter}_least`)} > most_cents THEN 'used_up'
      ELSE 'open' END AS verdict
    FROM budget
  )`;

const offer = `
  offer AS MATERIALIZED (
    SELECT organization_id, step.requests, step.cpu_ns, step.egress_bytes
    FROM judged CROSS JOIN LATERAL (
      SELECT halvings, halvings = ${HALVINGS} AS is_last,
             requests_least + div(requests_want - requests_least, 2::numeric ^ halvings) AS requests,
             cpu_ns_least + div(cpu_ns_want - cpu_ns_least, 2::numeric ^ halvings) AS cpu_ns,
             egress_bytes_least + div(egress_bytes_want - egress_bytes_least, 2::numeric ^ halvings) AS egress_bytes
      FROM generate_series(0, ${HALVINGS}) AS halvings
    ) AS step
    WHERE verdict = 'open'
      AND (${costWith((meter) => `${meter}_leased + 2 * step.${meter}`)} <= most_cents
           OR (step.is_last AND ${costWith((meter) => `${meter}_leased + step.${meter}`)} <= most_cents))
    ORDER BY halvings LIMIT 1
  )`;

/** Who asks for nothing gets it even now: only a grant of what was refused shows that calls are answered again. */
const coversRefused =
  "(offer.requests >= requests_refused AND offer.cpu_ns >= cpu_ns_refused AND offer.egress_bytes >= egress_bytes_refused)";

/** A refusal is noted once, so that people are told why functions do not answer. A flood of calls writes nothing more. */
const writeLease = `
  lease AS (
    INSERT INTO allowance_lease AS lease (organization_id, epoch, requests, cpu_ns, egress_bytes)
    SELECT organization_id, epoch, requests, cpu_ns, egress_bytes FROM offer JOIN wish USING (organization_id)
    ON CONFLICT (organization_id, epoch) DO UPDATE SET requests = lease.requests + excluded.requests,
      cpu_ns = lease.cpu_ns + excluded.cpu_ns, egress_bytes = lease.egress_bytes + excluded.egress_bytes
  ), given AS (
    UPDATE allowance SET requests_leased = requests_leased + offer.requests, cpu_ns_leased = cpu_ns_leased + offer.cpu_ns,
      egress_bytes_leased = egress_bytes_leased + offer.egress_bytes,
      ${["requests", "cpu_ns", "egress_bytes"].map((meter) => `${meter}_refused = CASE WHEN NOT ${coversRefused} THEN ${meter}_refused END`).join(", ")}
    FROM offer WHERE allowance.organization_id = offer.organization_id
  ), noted AS (
    UPDATE allowance SET requests_refused = requests_least, cpu_ns_refused = cpu_ns_least, egress_bytes_refused = egress_bytes_least
    FROM judged
    WHERE allowance.organization_id = judged.organization_id AND judged.verdict = 'used_up' AND judged.requests_refused IS NULL
  )`;

/**
 * Locks, from the outside in: the epoch's row, so that a fence waits for leases under way and sees them; the budget's; the
 * lease's. What is offered halves from what is wanted down to the least until twice of it fits; the last only has to fit itself.
 */
const TAKE_LEASE = `
  WITH wish AS MATERIALIZED (
    SELECT $1::text AS organization_id, $2::bigint AS epoch, coalesce($3::timestamptz, clock_timestamp()) AS at,
           greatest($4::numeric, $7::numeric) AS requests_want, greatest($5::numeric, $8::numeric) AS cpu_ns_want,
           greatest($6::numeric, $9::numeric) AS egress_bytes_want,
           $7::numeric AS requests_least, $8::numeric AS cpu_ns_least, $9::numeric AS egress_bytes_least
  ), ${judge}, ${offer}, ${writeLease}
  SELECT CASE
           WHEN offer.organization_id IS NOT NULL THEN 'granted'
           WHEN judged.verdict = 'open' THEN 'leased_elsewhere'
           WHEN judged.verdict IS NOT NULL THEN judged.verdict
           WHEN EXISTS (SELECT FROM living) THEN 'no_budget'
           ELSE 'epoch_over' END AS verdict,
         offer.requests, offer.cpu_ns AS "cpuNs", offer.egress_bytes AS "egressBytes"
  FROM wish LEFT JOIN judged USING (organization_id) LEFT JOIN offer USING (organization_id)`;

/** Gives back what a runtime will not use after all. */
export async function returnLease(
  db: Db,
  { organizationId, epoch, back }: { organizationId: Id<"organization">; epoch: bigint; back: Usage },
): Promise<void> {
  const values = [organizationId, epoch, back.requests, back.cpuNs, back.egressBytes];
  await poolOf(db).query({ name: "return_lease", text: RETURN_LEASE, values });
}

const RETURN_LEASE = `
  WITH budget AS MATERIALIZED (
    SELECT organization_id FROM allowance WHERE organization_id = $1::text FOR UPDATE
  ), held AS MATERIALIZED (
    SELECT lease.* FROM budget JOIN allowance_lease AS lease USING (organization_id) WHERE epoch = $2::bigint FOR UPDATE OF lease
  ), back AS MATERIALIZED (
    SELECT organization_id, epoch, least(requests, $3::bigint) AS requests, least(cpu_ns, $4::bigint) AS cpu_ns,
           least(egress_bytes, $5::bigint) AS egress_bytes
    FROM held
  ), lease AS (
    UPDATE allowance_lease AS lease SET requests = lease.requests - back.requests, cpu_ns = lease.cpu_ns - back.cpu_ns,
      egress_bytes = lease.egress_bytes - back.egress_bytes
    FROM back WHERE lease.organization_id = back.organization_id AND lease.epoch = back.epoch
  )
  UPDATE allowance SET requests_leased = requests_leased - back.requests, cpu_ns_leased = cpu_ns_leased - back.cpu_ns,
    egress_bytes_leased = egress_bytes_leased - back.egress_bytes
  FROM back WHERE allowance.organization_id = back.organization_id`;

/** Frees what a life still holds. A lease that was being taken held the life's row: this statement, after that row's update, sees it. */
export async function releaseLeases(tx: Tx, epoch: bigint): Promise<void> {
  await tx.$executeRaw`
    WITH budget AS MATERIALIZED (
      SELECT organization_id FROM allowance
      WHERE organization_id IN (SELECT organization_id FROM allowance_lease WHERE epoch = ${epoch})
      ORDER BY organization_id FOR UPDATE
    ), released AS (
      DELETE FROM allowance_lease AS lease USING budget
      WHERE lease.organization_id = budget.organization_id AND lease.epoch = ${epoch}
      RETURNING lease.organization_id, lease.requests, lease.cpu_ns, lease.egress_bytes
    )
    UPDATE allowance SET requests_leased = requests_leased - released.requests, cpu_ns_leased = cpu_ns_leased - released.cpu_ns,
      egress_bytes_leased = egress_bytes_leased - released.egress_bytes
    FROM released WHERE allowance.organization_id = released.organization_id`;
}
