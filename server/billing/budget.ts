import type { Tx } from "#server/db/client.ts";
import { setBudget, type Budget, type MeterWeight } from "#server/metering/budget.ts";
import { monthStart, nextMonthStart } from "#server/std/clock.ts";
import type { Id } from "#server/std/id.ts";
import { decimalCents } from "#server/std/money.ts";
import { usedStretches } from "./month-usage.ts";
import { meters, type Meter, type Plan, type PriceVersion } from "./price-book.ts";
import { AHEAD_MS } from "./price-versions.ts";
import { rateUsage, totalCents, type UsageLine, type UsedStretch } from "./rating.ts";
import { loadSpendingRule, type SpendingRule } from "./spending-rule.ts";

/** On a plan that stops, one unit past what is included costs a cent, which is more than nothing: no rounding lets any through. */
const forbidden = { price: "1", per: 1n } as const;

/** Two lines of a meter are rounded apart where their budget rounds once. */
const ROUNDING_CENTS = BigInt(meters.length);

/**
 * The budget under which the rest of the month comes to what its invoice lines will. What earlier stretches of the month used
 * counts as included, and what they cost is off the cap already; so metering needs one price a meter, and no plan.
 */
export function budgetOf(stretches: readonly UsedStretch[], rule: SpendingRule, now: Date): Budget {
  const index = Math.max(
    stretches.findLastIndex((stretch) => stretch.from <= now),
    0,
  );
  const current = stretches[index];
  if (!current) throw new Error("a month has at least one stretch");
  const next = stretches[index + 1];
  if (next && next.version !== current.version && next.from.getTime() - now.getTime() <= AHEAD_MS) {
    const { mostCents, ...budget } = runningBudget(
      asOfNow(stretches.slice(0, index), { current, next, now }),
      rule,
      now,
    );
    return { ...budget, mostCents: mostCents > ROUNDING_CENTS ? mostCents - ROUNDING_CENTS : 0n };
  }
  return runningBudget(stretches.slice(0, index + 1), rule, now);
}

/** What was used so far at its own prices, and from now on a stretch at the worse of two. */
function asOfNow(
  before: readonly UsedStretch[],
  { current, next, now }: { current: UsedStretch; next: UsedStretch; now: Date },
): UsedStretch[] {
  const version = worseOf(current.version, next.version, current.plan);
  const used = { requests: 0n, cpu: 0n, egress: 0n, storage: 0n };
  return [...before, { ...current, to: now }, { ...next, plan: current.plan, from: now, version, used }];
}

/** Of each meter the higher price and the smaller included amount. */
function worseOf(one: PriceVersion, other: PriceVersion, name: Plan["name"]): PriceVersion {
  const plan = other.plans[name];
  const worse = { ...plan.meters };
  for (const meter of meters) {
    const [before, after] = [one.plans[name].meters[meter], plan.meters[meter]];
    worse[meter] = {
      ...after,
      included: before.included < after.included ? before.included : after.included,
      price: before.price > after.price ? before.price : after.price,
    };
  }
  return { ...other, plans: { ...other.plans, [name]: { ...plan, meters: worse } } };
}

/** `stretches` end with the one that runs. */
function runningBudget(stretches: readonly UsedStretch[], rule: SpendingRule, now: Date): Budget {
  const current = stretches.at(-1);
  if (!current) throw new Error("a month has at least one stretch");
  const before = stretches.slice(0, -1);
  const plan = current.version.plans[current.plan];
  const soFar = rateUsage(before);
  const isRunning = (line: UsageLine) => line.priceVersion === current.version.version;
  /** On the line that still grows, what was billed already is billed again with the rest, in one rounding. */
  const billed = (meter: Meter) =>
    soFar.reduce((sum, line) => (line.meter === meter && isRunning(line) ? sum + line.billable : sum), 0n);
  const weight = (meter: Exclude<Meter, "storage">): MeterWeight => {
    const counted = before.reduce((sum, stretch) => sum + stretch.used[meter], 0n);
    const { included, price, per } = plan.meters[meter];
    const free = (included > counted ? included : counted) - billed(meter);
    return { included: free, ...(plan.overage === "stops" ? forbidden : { price: decimalCents(price), per }) };
  };
  const closed = totalCents(soFar.filter((line) => !isRunning(line)));
  const most = plan.overage === "stops" ? 0n : rule.capCents - closed;
  return {
    period: { from: monthStart(now), to: nextMonthStart(now) },
    mostCents: most > 0n ? most : 0n,
    weights: { requests: weight("requests"), cpuNs: weight("cpu"), egressBytes: weight("egress") },
  };
}

/** Puts in force what follows from plan, prices, cap and what was used so far. Call it in the transaction that changed one of these. */
export async function refreshBudget(tx: Tx, of: { organizationId: Id<"organization">; now: Date }): Promise<void> {
  const { organizationId, now } = of;
  const rule = await loadSpendingRule(tx, organizationId);
  await setBudget(tx, organizationId, budgetOf(await usedStretches(tx, { organizationId, at: now }), rule, now));
}
