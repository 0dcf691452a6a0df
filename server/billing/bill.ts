import type { Db } from "#server/db/client.ts";
import type { PlanName } from "#server/db/generated/enums.ts";
import { monthStart, nextMonthStart, type Clock } from "#server/std/clock.ts";
import type { Id } from "#server/std/id.ts";
import { formatCents } from "#server/std/money.ts";
import { stoppedBecause } from "./stopped-because.ts";
import { currentStretch, meterLines, type MeterLine } from "./month-report.ts";
import { usedStretches } from "./month-usage.ts";
import { rateFees, rateUsage, totalCents } from "./rating.ts";
import { loadSpendingRule } from "./spending-rule.ts";

export type FeeSoFar = {
  plan: PlanName;
  title: string;
  from: Date;
  to: Date;
  hours: number;
  hoursInMonth: number;
  cost: string;
};

/** What the month that runs has come to: every amount as text, because nothing outside of billing does sums with money. */
export type Bill = {
  from: Date;
  to: Date;
  fees: FeeSoFar[];
  lines: (MeterLine & { cost: string })[];
  usageCost: string;
  total: string;
  cap: Cap;
  stoppedBecause: string | null;
};

export type Cap = {
  /** What usage may add to the fee; on plans that stop it is zero, and nobody sets it. */
  cents: bigint;
  text: string;
  isFixed: boolean;
  /** What is left of it. */
  left: string;
  /** How much of it is spent, in percent with two decimals; of a cap of zero, what the fullest included amount is at. */
  percentSpent: number;
};

/** The running month's bill, out of the ledger's counters. */
export async function currentBill(tools: { db: Db; clock: Clock }, organizationId: Id<"organization">): Promise<Bill> {
  const now = new Date(tools.clock.nowMs());
  const range = { from: monthStart(now), to: nextMonthStart(now) };
  const [stretches, rule, stopped] = await Promise.all([
    usedStretches(tools.db, { organizationId, at: now }),
    loadSpendingRule(tools.db, organizationId),
    stoppedBecause(tools.db, organizationId),
  ]);
  const fees = rateFees(stretches, range);
  const usageCents = totalCents(rateUsage(stretches));
  const { version, plan } = currentStretch(stretches, now);
  const isFixed = version.plans[plan].overage === "stops";
  const capCents = isFixed ? 0n : rule.capCents;
  const lines = meterLines(stretches, now);
  return {
    ...range,
    fees: fees.map(({ plan, from, to, hours, hoursInMonth, cents }) => ({
      plan,
      title: version.plans[plan].title,
      from,
      to,
      hours: Number(hours),
      hoursInMonth: Number(hoursInMonth),
      cost: formatCents(cents),
    })),
    lines,
    usageCost: formatCents(usageCents),
    total: formatCents(usageCents + totalCents(fees)),
    cap: {
      cents: capCents,
      text: formatCents(capCents),
      isFixed,
      left: formatCents(capCents > usageCents ? capCents - usageCents : 0n),
      percentSpent: percentSpent({ capCents, usageCents }, lines),
    },
    stoppedBecause: stopped,
  };
}

/** For bars and alerts. With a cap of zero there is no money to have a share of: what counts is how full the included amounts are. */
export function percentSpent(
  money: { capCents: bigint; usageCents: bigint },
  lines: readonly { used: bigint; included: bigint }[],
): number {
  if (money.capCents > 0n) return percent(money.usageCents, money.capCents);
  return Math.max(0, ...lines.map(({ used, included }) => (included > 0n ? percent(used, included) : 0)));
}

function percent(part: bigint, whole: bigint): number {
  return Number((part * 10_000n) / whole) / 100;
}
