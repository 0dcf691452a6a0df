import type { Tx } from "#server/db/client.ts";
import { monthStart, nextMonthStart } from "#server/std/clock.ts";
import type { Id } from "#server/std/id.ts";
import { decimalCents } from "#server/std/money.ts";
import { usedStretches } from "./month-usage.ts";
import type { Meter } from "./price-book.ts";
import { rateUsage, totalCents, type UsedStretch } from "./rating.ts";
import { loadSpendingRule, type SpendingRule } from "./spending-rule.ts";

type Weight = { included: bigint; price: string; per: bigint };
export type Budget = {
  period: { from: Date; to: Date };
  mostCents: bigint;
  weights: { requests: Weight; cpuNs: Weight; egressBytes: Weight };
};

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
  const weight = (meter: Exclude<Meter, "storage">): Weight => {
    const counted = before.reduce((sum, stretch) => sum + stretch.used[meter], 0n);
    const { included, price, per } = plan.meters[meter];
    const free = included > counted ? included : counted;
    return { included: free, ...(plan.overage === "stops" ? forbidden : { price: decimalCents(price), per }) };
  };
  const earlier = rateUsage(before).filter((line) => line.priceVersion !== current.version.version);
  const most = plan.overage === "stops" ? 0n : rule.capCents - totalCents(earlier);
  return {
    period: { from: monthStart(now), to: nextMonthStart(now) },
    mostCents: most > 0n ? most : 0n,
    weights: { requests: weight("requests"), cpuNs: weight("cpu"), egressBytes: weight("egress") },
  };
}

/** Puts in force what follows from plan, prices, cap and what was used so far. Call it in the transaction that changed one of these. */
export async function refreshBudget(tx: Tx, of: { organizationId: Id<"organization">; now: Date }): Promise<Budget> {
  const rule = await loadSpendingRule(tx, of.organizationId);
  return budgetOf(await usedStretches(tx, { organizationId: of.organizationId, at: of.now }), rule, of.now);
}
