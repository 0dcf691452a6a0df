import type { Usage } from "#server/metering/usage.ts";
import { monthStart, nextMonthStart } from "#server/std/clock.ts";
import type { InvoiceLine, LateLine } from "./invoice-line.ts";
import type { PlanTerms } from "./plan-terms.ts";
import { meters, type Meter, type PriceBook } from "./price-book.ts";
import { quantitiesOf } from "./month-usage.ts";
import { rateFees, rateUsage, type UsageLine, type UsedStretch } from "./rating.ts";
import { stretchesOf } from "./stretches.ts";

export type HourOfUsage = Usage & { hourAt: Date };
type Rules = { terms: PlanTerms; book: PriceBook };

/** The fee and the usage of a month, out of its hours. Storage has no line while nothing is stored. Pure. */
export function monthLines(
  month: { from: Date; to: Date },
  hours: readonly HourOfUsage[],
  rules: Rules,
): InvoiceLine[] {
  const stretches = fill(stretchesOf(month.from, rules.terms, rules.book), hours);
  const usage = rateUsage(stretches).filter((line) => line.meter !== "storage" || line.used > 0n);
  return [...rateFees(stretches, month), ...usage];
}

/** Whether a month had a plan that bills, in any of its hours. */
export function isBilledMonth(month: { from: Date; to: Date }, { terms, book }: Rules): boolean {
  return stretchesOf(month.from, terms, book).some(
    ({ version, plan, isOwed }) => isOwed && version.plans[plan].overage === "billed",
  );
}

/**
 * What late hours add to a month that was invoiced: its lines with them less its lines without, meter by meter. So all of
 * a month's invoices together come to what one invoice over everything would have been, to the cent. Pure.
 */
export function lateLines(
  at: Date,
  hours: { billed: readonly HourOfUsage[]; late: readonly HourOfUsage[] },
  rules: Rules,
): LateLine[] {
  const stretches = stretchesOf(at, rules.terms, rules.book);
  const before = rateUsage(fill(stretches, hours.billed));
  const after = rateUsage(fill(stretches, [...hours.billed, ...hours.late]));
  const period = { from: monthStart(at), to: nextMonthStart(at) };
  return meters.flatMap((meter) => {
    const [less, more] = [sumOf(before, meter), sumOf(after, meter)];
    const used = more.used - less.used;
    if (used === 0n) return [];
    const [billable, cents] = [more.billable - less.billable, more.cents - less.cents];
    return [{ kind: "late", meter, ...period, used, billable, cents }];
  });
}

function sumOf(lines: readonly UsageLine[], meter: Meter) {
  const sum = { used: 0n, billable: 0n, cents: 0n };
  for (const line of lines.filter((each) => each.meter === meter)) {
    sum.used += line.used;
    sum.billable += line.billable;
    sum.cents += line.cents;
  }
  return sum;
}

/** Puts each hour's usage into the stretch that holds it. */
function fill(
  stretches: readonly ReturnType<typeof stretchesOf>[number][],
  hours: readonly HourOfUsage[],
): UsedStretch[] {
  return stretches.map((stretch) => {
    const used = { requests: 0n, cpuNs: 0n, egressBytes: 0n };
    for (const hour of hours) {
      if (hour.hourAt < stretch.from || hour.hourAt >= stretch.to) continue;
      used.requests += hour.requests;
      used.cpuNs += hour.cpuNs;
      used.egressBytes += hour.egressBytes;
    }
    return { ...stretch, used: quantitiesOf(used) };
  });
}
