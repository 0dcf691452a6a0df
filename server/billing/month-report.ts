import type { Db } from "#server/db/client.ts";
import type { PlanName } from "#server/db/generated/enums.ts";
import { usageReport, type Usage } from "#server/metering/usage.ts";
import { monthStart, nextMonthStart, type Clock } from "#server/std/clock.ts";
import type { Id } from "#server/std/id.ts";
import { formatCents, formatExact } from "#server/std/money.ts";
import { stoppedBecause } from "./allowance.ts";
import { currentPriceVersion, type Meter } from "./price-book.ts";
import { shownQuantity } from "./plan-summary.ts";
import { listPrice, rate, type Quantities } from "./rating.ts";

export type MeterLine = { meter: Meter; used: bigint; included: bigint; cost: string };

export type MonthReport = {
  from: Date;
  to: Date;
  lines: MeterLine[];
  /** What is due so far, the plan's fee left out. */
  cost: string;
  /** Why the organization's functions do not answer; null while they may. */
  stoppedBecause: string | null;
  /** What the same usage is worth at list price, exactly. */
  worth: string;
  byDay: { dayAt: Date; usage: Usage; worth: string }[];
  byFunction: { functionId: string; name: string | null; usage: Usage; failures: bigint; worth: string }[];
};

/** The UTC month that runs now, out of the ledger's counters and the price version in force. */
export async function monthReport(
  tools: { db: Db; clock: Clock },
  organization: { id: Id<"organization">; plan: PlanName },
): Promise<MonthReport> {
  const now = new Date(tools.clock.nowMs());
  const range = { from: monthStart(now), to: nextMonthStart(now) };
  const [report, stopped] = await Promise.all([
    usageReport(tools.db, { organizationId: organization.id, ...range }),
    stoppedBecause(tools.db, organization.id),
  ]);
  const version = currentPriceVersion(now);
  const lines = rate(quantitiesOf(report.total), organization.plan, version);
  const worthOf = (usage: Usage) => formatExact(listPrice(quantitiesOf(usage), version));
  return {
    ...range,
    lines: lines.map(({ meter, used, included, cents }) => ({
      meter,
      used: shownQuantity(meter, used),
      included: shownQuantity(meter, included),
      cost: formatCents(cents),
    })),
    cost: formatCents(lines.reduce((sum, line) => sum + line.cents, 0n)),
    stoppedBecause: stopped,
    worth: worthOf(report.total),
    byDay: report.byDay.map((day) => ({ ...day, worth: worthOf(day.usage) })),
    byFunction: report.byFunction.map((row) => ({ ...row, worth: worthOf(row.usage) })),
  };
}

/** Nothing is stored yet that would be metered. */
function quantitiesOf(usage: Usage): Quantities {
  return { requests: usage.requests, cpu: usage.cpuNs, egress: usage.egressBytes, storage: 0n };
}
