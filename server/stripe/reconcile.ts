import { HOUR_MS, hourStart } from "#server/std/clock.ts";
import { billedMeters, type BilledMeter } from "./meter-unit.ts";
import { queueAgain } from "./outbox.ts";
import { findMeters } from "./setup.ts";
import { nowOf, toSeconds, type StripeTools } from "./tools.ts";

const LOOK_BACK_HOURS = 36;
/** Stripe counts what it took a while later. What was sent since is not held against it yet. */
const LAG_MS = 600_000;

/** An hour is sealed, and told, soon after it is over. */
const UNTOLD_MS = 3 * HOUR_MS;

export type Told = {
  organizationId: string;
  meter: string;
  hourAt: Date;
  value: bigint;
  /** Whether Stripe has had time to count it. */
  isSettled: boolean;
};

export type Mismatch = { organizationId: string; meter: BilledMeter; hourAt: Date; ledger: bigint; stripe: bigint };

/** Holds the last hours as Stripe sums them up against what it was told, and tells it again where they differ. */
export async function reconcile(tools: StripeTools): Promise<Mismatch[]> {
  const to = hourStart(nowOf(tools));
  const from = new Date(to.getTime() - LOOK_BACK_HOURS * HOUR_MS);
  const customers = await tools.db.stripeCustomer.findMany({
    where: { parkedBecause: null },
    select: { organizationId: true, customerId: true },
  });
  const mismatches: Mismatch[] = [];
  for (const customer of customers) {
    for (const found of await compareHours(tools, { ...customer, from, to })) {
      mismatches.push(found);
      await queueAgain(tools, { ...found, value: found.ledger });
    }
  }
  return mismatches;
}

type Hours = { organizationId: string; customerId: string; from: Date; to: Date };

/** The hours of a customer that Stripe has otherwise than it was told, of those that have settled. */
export async function compareHours(tools: StripeTools, hours: Hours): Promise<Mismatch[]> {
  const told = await toldOf(tools, hours);
  const meters = await findMeters(tools.stripe);
  const mismatches: Mismatch[] = [];
  for (const meter of billedMeters) {
    const id = meters[meter]?.id;
    const ofMeter = told.filter((one) => one.meter === meter);
    if (id === undefined) continue;
    const counted = await hourlySummaries(tools, { ...hours, meterId: id });
    mismatches.push(...untold(tools, { ...hours, meter, ofMeter, counted }));
    for (const { hourAt, value, isSettled, organizationId } of ofMeter) {
      const stripe = counted.get(hourAt.getTime()) ?? 0n;
      if (isSettled && stripe !== value) mismatches.push({ organizationId, meter, hourAt, ledger: value, stripe });
    }
  }
  return mismatches;
}

/** Hours that Stripe has and we never told: of a database that was put back to an earlier day. The ledger has nothing for them. */
function untold(
  tools: Pick<StripeTools, "clock">,
  of: { organizationId: string; meter: BilledMeter; ofMeter: readonly Told[]; counted: ReadonlyMap<number, bigint> },
): Mismatch[] {
  const known = new Set(of.ofMeter.map(({ hourAt }) => hourAt.getTime()));
  const before = nowOf(tools).getTime() - UNTOLD_MS;
  const { organizationId, meter } = of;
  return [...of.counted]
    .filter(([hourMs]) => !known.has(hourMs) && hourMs < before)
    .map(([hourMs, stripe]) => ({ organizationId, meter, hourAt: new Date(hourMs), ledger: 0n, stripe }));
}

/** The newest total of each hour that was queued. Settled: it was sent, some time ago, and nothing newer waits. */
export async function toldOf(
  tools: Pick<StripeTools, "db" | "clock">,
  hours: Omit<Hours, "customerId">,
): Promise<Told[]> {
  const before = new Date(nowOf(tools).getTime() - LAG_MS);
  return tools.db.$queryRaw<Told[]>`
    SELECT DISTINCT ON (meter, hour_at) organization_id AS "organizationId", meter, hour_at AS "hourAt", value,
           state = 'delivered' AND settled_at <= ${before} AS "isSettled"
    FROM stripe_outbox
    WHERE organization_id = ${hours.organizationId} AND hour_at >= ${hours.from} AND hour_at < ${hours.to}
    ORDER BY meter, hour_at, revision DESC`;
}

/** Stripe's own sums, by the hour. */
export async function hourlySummaries(
  { stripe }: Pick<StripeTools, "stripe">,
  of: { customerId: string; meterId: string; from: Date; to: Date },
): Promise<Map<number, bigint>> {
  const sums = new Map<number, bigint>();
  const summaries = stripe.billing.meters.listEventSummaries(of.meterId, {
    customer: of.customerId,
    start_time: toSeconds(of.from),
    end_time: toSeconds(of.to),
    value_grouping_window: "hour",
    limit: 100,
  });
  // An hour's sum has 15 digits at most, which a number holds exactly.
  for await (const { start_time: start, aggregated_value: value } of summaries) sums.set(start * 1_000, BigInt(value));
  return sums;
}
