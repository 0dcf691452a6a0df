import type { Db } from "#server/db/client.ts";
import { usageReport, type Usage } from "#server/metering/usage.ts";
import { monthStart, nextMonthStart, type Clock } from "#server/std/clock.ts";
import type { Id } from "#server/std/id.ts";
import { formatCents, formatRough } from "#server/std/money.ts";
import { stoppedBecause } from "./stopped-because.ts";
import { quantitiesOf, usedStretches } from "./month-usage.ts";
import { shownQuantity } from "./plan-summary.ts";
import { meters, type Meter } from "./price-book.ts";
import { listPrice, rateUsage, totalCents, type UsedStretch } from "./rating.ts";

export type MeterLine = {
  meter: Meter;
  used: bigint;
  included: bigint;
  /** What the same usage is worth at list price. */
  worth: string;
  /** What is due for it; null to those who may not see what is owed. */
  cost: string | null;
};

export type MonthReport = {
  from: Date;
  to: Date;
  lines: MeterLine[];
  /** What is due so far, the plan's fee left out; null to those who may not see what is owed. */
  cost: string | null;
  /** Why the organization's functions do not answer; null while they may. */
  stoppedBecause: string | null;
  worth: string;
  byDay: { dayAt: Date; usage: Usage; worth: string }[];
  byFunction: { functionId: string; name: string | null; usage: Usage; failures: bigint; worth: string }[];
};

/** The UTC month that runs now, out of the ledger's counters and the plan and prices in force in each of its hours. */
export async function monthReport(
  tools: { db: Db; clock: Clock },
  of: { organizationId: Id<"organization">; mayReadCosts: boolean },
): Promise<MonthReport> {
  const { organizationId, mayReadCosts } = of;
  const now = new Date(tools.clock.nowMs());
  const range = { from: monthStart(now), to: nextMonthStart(now) };
  const [report, stretches, stopped] = await Promise.all([
    usageReport(tools.db, { organizationId, ...range, now }),
    usedStretches(tools.db, { organizationId, at: now }),
    stoppedBecause(tools.db, organizationId),
  ]);
  const { version } = currentStretch(stretches, now);
  const worthOf = (usage: Usage) => formatRough(listPrice(quantitiesOf(usage), version));
  const due = rateUsage(stretches);
  return {
    ...range,
    lines: meterLines(stretches, now).map((line) => ({ ...line, cost: mayReadCosts ? line.cost : null })),
    cost: mayReadCosts ? formatCents(totalCents(due)) : null,
    stoppedBecause: stopped,
    worth: worthOf(report.total),
    byDay: report.byDay.map((day) => ({ ...day, worth: worthOf(day.usage) })),
    byFunction: report.byFunction.map((row) => ({ ...row, worth: worthOf(row.usage) })),
  };
}

/** One line a meter, whatever the number of stretches: what a page shows; an invoice has a line for each price. */
export function meterLines(stretches: readonly UsedStretch[], now: Date): (MeterLine & { cost: string })[] {
  const due = rateUsage(stretches);
  const { version, plan } = currentStretch(stretches, now);
  return meters.map((meter) => {
    const used = stretches.reduce((sum, stretch) => sum + stretch.used[meter], 0n);
    return {
      meter,
      used: shownQuantity(meter, used),
      included: shownQuantity(meter, version.plans[plan].meters[meter].included),
      worth: formatRough(listPrice({ [meter]: used }, version)),
      cost: formatCents(totalCents(due.filter((line) => line.meter === meter))),
    };
  });
}

/** The stretch in which a moment lies; the first for one before all of them. */
export function currentStretch(stretches: readonly UsedStretch[], now: Date): UsedStretch {
  const current = stretches.findLast((stretch) => stretch.from <= now) ?? stretches[0];
  if (!current) throw new Error("a month has at least one stretch");
  return current;
}
