import { channels } from "#server/contract/notify.ts";
import type { Db, Tx } from "#server/db/client.ts";
import type { PlanName } from "#server/db/generated/enums.ts";
import { HOUR_MS, monthStart, nextMonthStart, type Clock } from "#server/std/clock.ts";
import { versionAt, type Meter, type Plan, type PriceVersion } from "./price-book.ts";
import { loadPriceBook } from "./price-versions.ts";
import type { Id } from "#server/std/id.ts";
import { includedInWords } from "./included-words.ts";

/** Any number, as long as nobody else in this database takes it: two consoles do not look at the same time. */
const LOCK_KEY = 7_120_524_001n;

/** An hour's usage begins at its start, and a request that came in one hour may be counted in the next: so far back is looked. */
const LATE_MS = 2 * HOUR_MS;

/** Many organizations take a while; the default of 5 s would give up on a look that is only long. */
const LOOK_MS_MAX = 60_000;

/** The meters that stop a plan as they are used; what is stored stops nothing, it is refused when it is to be stored. */
type StoppingMeter = Exclude<Meter, "storage">;
const stoppingMeters = ["requests", "cpu", "egress"] as const satisfies readonly StoppingMeter[];

type Look = {
  organizationId: string;
  plan: PlanName;
  isOver: boolean;
  requests: bigint;
  cpu: bigint;
  egress: bigint;
};

/**
 * Compares what organizations used this UTC month with what their plan includes, and writes the verdict that the gateway
 * obeys. Only plans that stop are looked at: of these, the organizations with usage since `since` and those that stand
 * stopped, since a new month or another plan opens them again. Returns who changed, or undefined when another console is
 * at it. Those whom it concerns are told in the same transaction, and only when something changed.
 */
export async function updateAllowances(
  tools: { db: Db; clock: Clock },
  since: Date,
): Promise<{ stopped: string[]; opened: string[] } | undefined> {
  const now = new Date(tools.clock.nowMs());
  const version = versionAt(await loadPriceBook(tools.db), now);
  return tools.db.$transaction(
    async (tx) => {
      const [lock] = await tx.$queryRaw<{ taken: boolean }[]>`SELECT pg_try_advisory_xact_lock(${LOCK_KEY}) AS taken`;
      if (lock?.taken !== true) return undefined;
      const changed = await findChanged(tx, { now, since, version });
      if (changed.length > 0)
        await writeVerdicts(tx, changed, (look) => (look.isOver ? reasonFor(look, version, now) : ""));
      const idsOf = (isOver: boolean) =>
        changed.filter((look) => look.isOver === isOver).map((look) => look.organizationId);
      return { stopped: idsOf(true), opened: idsOf(false) };
    },
    { timeout: LOOK_MS_MAX },
  );
}

/** The verdict that stands, as the gateway tells it to callers; null while the organization may use more. */
export async function stoppedBecause(db: Db, organizationId: Id<"organization">): Promise<string | null> {
  const allowance = await db.allowance.findUnique({ where: { organizationId }, select: { state: true, reason: true } });
  return allowance?.state === "stopped" ? allowance.reason : null;
}

/**
 * Organizations whose verdict is not the one that stands, in one query whatever their number. The laterals and the
 * materialized candidates make it walk the counters' key, organization by organization: else all of the month's rows
 * would be read each time.
 */
async function findChanged(tx: Tx, at: { now: Date; since: Date; version: PriceVersion }): Promise<Look[]> {
  const month = monthStart(at.now);
  const lookFrom = new Date(Math.max(month.getTime(), at.since.getTime() - LATE_MS));
  const stops = Object.values(at.version.plans).filter((plan) => plan.overage === "stops");
  const included = (meter: StoppingMeter) => stops.map((plan) => plan.meters[meter].included);
  return tx.$queryRaw<Look[]>`
    WITH plan AS (
      SELECT * FROM unnest(${stops.map((plan) => plan.name)}::plan_name[], ${included("requests")}::numeric[],
                           ${included("cpu")}::numeric[], ${included("egress")}::numeric[]) AS t(name, requests, cpu, egress)
    ), candidate AS MATERIALIZED (
      SELECT organization.id FROM plan JOIN organization ON organization.plan = plan.name
      CROSS JOIN LATERAL (
        SELECT 1 FROM usage_hour AS hour
        WHERE hour.organization_id = organization.id AND hour.hour_at >= ${lookFrom} AND hour.hour_at < ${nextMonthStart(at.now)}
        LIMIT 1
      ) AS recent
      UNION
      SELECT organization_id FROM allowance WHERE state = 'stopped'
    ), used AS (
      SELECT organization.id, organization.plan, month.requests, month.cpu, month.egress
      FROM candidate
      CROSS JOIN LATERAL (
        SELECT coalesce(sum(hour.requests), 0) AS requests, coalesce(sum(hour.cpu_ns), 0) AS cpu,
               coalesce(sum(hour.egress_bytes), 0) AS egress
        FROM usage_hour AS hour
        WHERE hour.organization_id = candidate.id AND hour.hour_at >= ${month} AND hour.hour_at < ${nextMonthStart(at.now)}
      ) AS month
      JOIN organization ON organization.id = candidate.id
    ), verdict AS (
      SELECT used.*, coalesce(used.requests > plan.requests OR used.cpu > plan.cpu OR used.egress > plan.egress, false) AS is_over
      FROM used LEFT JOIN plan ON plan.name = used.plan
    )
    SELECT verdict.id AS "organizationId", verdict.plan::text AS plan, is_over AS "isOver",
           requests::bigint AS requests, cpu::bigint AS cpu, egress::bigint AS egress
    FROM verdict LEFT JOIN allowance ON allowance.organization_id = verdict.id
    WHERE is_over <> (coalesce(allowance.state, 'open') = 'stopped')
    ORDER BY verdict.id`;
}

async function writeVerdicts(tx: Tx, looks: readonly Look[], reasonOf: (look: Look) => string): Promise<void> {
  const ids = looks.map((look) => look.organizationId);
  const states = looks.map((look) => (look.isOver ? "stopped" : "open"));
  await tx.$executeRaw`
    INSERT INTO allowance (organization_id, state, reason, updated_at)
    SELECT id, state, reason, now() FROM unnest(${ids}::text[], ${states}::text[], ${looks.map(reasonOf)}::text[]) AS t(id, state, reason)
    ON CONFLICT (organization_id) DO UPDATE SET state = excluded.state, reason = excluded.reason, updated_at = excluded.updated_at`;
  await tx.$executeRaw`SELECT pg_notify(${channels.organization}, id) FROM unnest(${ids}::text[]) AS t(id)`;
}

/** For people, and for callers of the organization's functions: which meter, how much was included, and what ends it. */
function reasonFor(look: Look, version: PriceVersion, now: Date): string {
  const plan: Plan = version.plans[look.plan];
  const over = stoppingMeters.filter((meter) => look[meter] > plan.meters[meter].included);
  const what = over.map((meter) => includedInWords(meter, plan.meters[meter].included)).join(" and ");
  const again = nextMonthStart(now).toLocaleDateString("en-GB", {
    day: "numeric",
    month: "long",
    year: "numeric",
    timeZone: "UTC",
  });
  return `The ${plan.title} plan's ${what} a month are used up. Functions answer again on ${again} (UTC), or when the organization moves to ${version.plans.pro.title}.`;
}
