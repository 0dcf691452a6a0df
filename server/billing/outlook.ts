import type { Db } from "#server/db/client.ts";
import { estimateDurationUs, firstUsedHour } from "#server/metering/durations.ts";
import { usageOfRanges } from "#server/metering/usage-ranges.ts";
import { DAY_MS, dayStart, monthStart, nextMonthStart, type Clock } from "#server/std/clock.ts";
import type { Id } from "#server/std/id.ts";
import { formatCents } from "#server/std/money.ts";
import { compareWithMarket, type Comparison } from "./comparison.ts";
import { FORECAST_DAYS_MAX, FORECAST_DAYS_MIN, forecastMonth, type Range } from "./forecast.ts";
import { currentStretch } from "./month-report.ts";
import { quantitiesOf, usedStretches } from "./month-usage.ts";
import { shownQuantity } from "./plan-summary.ts";
import { meters, type Meter } from "./price-book.ts";
import { rateFees, rateUsage, totalCents, type Quantities, type UsedStretch } from "./rating.ts";
import { loadSpendingRule } from "./spending-rule.ts";

export type Outlook = {
  forecast:
    | { kind: "too_early"; wholeDays: number; wholeDaysMin: number }
    | {
        kind: "forecast";
        basedOnDays: number;
        lines: { meter: Meter; included: bigint; range: Range<bigint> }[];
        /** What usage will have cost by the month's end, the fee left out; null to those who may not see what is owed. */
        usageCost: Range<string> | null;
        capText: string | null;
        /** When the cap, or what Free includes, is reached at this pace. */
        limitAt: Date | null;
      };
  /** This month's usage here, with a whole month's fee of Pro, and at others' published prices, as if it all had been there. */
  comparison: { ours: { title: string; total: string }; others: Comparison[]; durationMs: bigint };
};

/** Where the month is going, and what it would have cost elsewhere. */
export async function usageOutlook(
  tools: { db: Db; clock: Clock },
  of: { organizationId: Id<"organization">; mayReadCosts: boolean },
): Promise<Outlook> {
  const { organizationId, mayReadCosts } = of;
  const now = new Date(tools.clock.nowMs());
  const month = { organizationId, from: monthStart(now), to: nextMonthStart(now) };
  const [stretches, days, rule, durationUs] = await Promise.all([
    usedStretches(tools.db, { organizationId, at: now }),
    wholeDays(tools.db, { organizationId, now }),
    loadSpendingRule(tools.db, organizationId),
    estimateDurationUs(tools.db, month),
  ]);
  const forecast = forecastMonth({ stretches, days, capCents: rule.capCents, now });
  const { version, plan: name } = currentStretch(stretches, now);
  const plan = version.plans[name];
  return {
    comparison: compare(stretches, { now, durationUs }),
    forecast:
      forecast.kind === "too_early"
        ? { ...forecast, wholeDaysMin: FORECAST_DAYS_MIN }
        : {
            kind: "forecast",
            basedOnDays: forecast.basedOnDays,
            lines: meters.map((meter) => ({
              meter,
              included: shownQuantity(meter, plan.meters[meter].included),
              range: mapRange(forecast.quantities[meter], (quantity) => shownQuantity(meter, quantity)),
            })),
            usageCost: mayReadCosts ? mapRange(forecast.usageCents, formatCents) : null,
            capText: mayReadCosts && plan.overage === "billed" ? formatCents(rule.capCents) : null,
            limitAt: forecast.limitAt,
          },
  };
}

/** What was used on the last whole days, oldest first, from the day of the first use on. */
async function wholeDays(db: Db, of: { organizationId: Id<"organization">; now: Date }): Promise<Quantities[]> {
  const { organizationId, now } = of;
  const first = await firstUsedHour(db, organizationId);
  if (!first) return [];
  const today = dayStart(now).getTime();
  const starts = Array.from({ length: FORECAST_DAYS_MAX }, (_, index) => today - (FORECAST_DAYS_MAX - index) * DAY_MS);
  const ranges = starts
    .filter((start) => start >= dayStart(first).getTime())
    .map((start) => ({ organizationId, from: new Date(start), to: new Date(start + DAY_MS) }));
  return (await usageOfRanges(db, ranges)).map(quantitiesOf);
}

function compare(stretches: readonly UsedStretch[], at: { now: Date; durationUs: bigint }): Outlook["comparison"] {
  const used = (meter: Meter) => stretches.reduce((sum, stretch) => sum + stretch.used[meter], 0n);
  const workload = {
    requests: used("requests"),
    cpuNs: used("cpu"),
    durationUs: at.durationUs,
    egressBytes: used("egress"),
  };
  const onPro = stretches.map((stretch) => ({ ...stretch, plan: "pro" as const, isOwed: true }));
  const month = { from: monthStart(at.now), to: nextMonthStart(at.now) };
  const ours = totalCents([...rateFees(onPro, month), ...rateUsage(onPro)]);
  return {
    ours: { title: `Sluice, ${currentStretch(onPro, at.now).version.plans.pro.title}`, total: formatCents(ours) },
    others: compareWithMarket(workload),
    durationMs: at.durationUs / 1000n,
  };
}

function mapRange<A, B>({ low, middle, high }: Range<A>, map: (amount: A) => B): Range<B> {
  return { low: map(low), middle: map(middle), high: map(high) };
}
