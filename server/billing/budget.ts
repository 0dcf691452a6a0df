import type { Tx } from "#server/db/client.ts";
import { setBudget, type Budget, type MeterWeight } from "#server/metering/budget.ts";
import { monthStart, nextMonthStart } from "#server/std/clock.ts";
import type { Id } from "#server/std/id.ts";
import { decimalCents } from "#server/std/money.ts";
import { usedStretches } from "./month-usage.ts";
import type { Meter } from "./price-book.ts";
import { rateUsage, totalCents, type UsageLine, type UsedStretch } from "./rating.ts";
import { loadSpendingRule, type SpendingRule } from "./spending-rule.ts";

/** On a plan that stops, one unit past what is included costs a cent, which is more than nothing: no rounding lets any through. */
const forbidden = { price: "1", per: 1n } as const;

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
  const before = stretches.slice(0, index);
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
