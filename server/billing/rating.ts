import type { PlanName } from "#server/db/generated/enums.ts";
import { HOUR_MS } from "#server/std/clock.ts";
import { picocents, roundToCents, type Picocents } from "#server/std/money.ts";
import {
  meters,
  versionAt,
  type Meter,
  type MeterPrice,
  type Plan,
  type PriceBook,
  type PriceVersion,
} from "./price-book.ts";
import type { Stretch } from "./stretches.ts";

/** Quantities of a period, in the ledger's units. */
export type Quantities = Record<Meter, bigint>;

export type UsageLine = {
  kind: "usage";
  meter: Meter;
  priceVersion: number;
  from: Date;
  to: Date;
  used: bigint;
  /** Used beyond what the plan includes, and billed; what stops instead of billing has none. */
  billable: bigint;
  price: Picocents;
  per: bigint;
  /** Whole cents, rounded half up once, here. */
  cents: bigint;
};

export type FeeLine = {
  kind: "fee";
  plan: PlanName;
  priceVersion: number;
  from: Date;
  to: Date;
  /** Hours of the month with this plan, of all that the month has. */
  hours: bigint;
  hoursInMonth: bigint;
  monthlyFee: Picocents;
  cents: bigint;
};

export type UsedStretch = Stretch & { used: Quantities };

/**
 * A month's stretches with their usage in, invoice lines out. Pure. A unit's place in the month's count decides whether
 * it is included: the plan's included amount is the first tier, at zero, and what earlier stretches used has filled it
 * already. So a change of plan or price in mid-month grants nothing twice, and rates each unit once, at the price of its hour.
 */
export function rateUsage(stretches: readonly UsedStretch[]): UsageLine[] {
  return meters.flatMap((meter) => rateMeter(meter, stretches));
}

function rateMeter(meter: Meter, stretches: readonly UsedStretch[]): UsageLine[] {
  const lines = new Map<string, Omit<UsageLine, "cents">>();
  let counted = 0n;
  for (const { used: quantities, version, plan: name, from, to } of stretches) {
    const plan = version.plans[name];
    const { price, per } = plan.meters[meter];
    const used = quantities[meter];
    const billable = billableOf(plan, meter, { counted, used });
    counted += used;
    const key = `${version.version}:${price}:${per}`;
    const line = lines.get(key);
    if (line) Object.assign(line, { to, used: line.used + used, billable: line.billable + billable });
    else lines.set(key, { kind: "usage", meter, priceVersion: version.version, from, to, used, billable, price, per });
  }
  return [...lines.values()].map((line) => ({ ...line, cents: centsFor(line.billable, line) }));
}

/** Of `used` units that came after `counted` others in the month, those that are billed. */
function billableOf(plan: Plan, meter: Meter, units: { counted: bigint; used: bigint }): bigint {
  if (plan.overage === "stops") return 0n;
  const { included } = plan.meters[meter];
  const free = included > units.counted ? included - units.counted : 0n;
  return units.used > free ? units.used - free : 0n;
}

/** What a quantity costs: the exact product in picocents, then whole cents, half up. Metering's `costCents` is the same sum. */
function centsFor(quantity: bigint, { price, per }: { price: Picocents; per: bigint }): bigint {
  return roundToCents(picocents(divideHalfUp(quantity * price, per)));
}

/**
 * The plan's fee, by the hours of the month that had it, from the hour in which it was chosen to the end of the last.
 * Stretches with the same plan and fee make one line, so that a whole month costs the whole fee and no rounding more.
 */
export function rateFees(stretches: readonly Stretch[], month: { from: Date; to: Date }): FeeLine[] {
  const hoursInMonth = hoursBetween(month.from, month.to);
  const lines = new Map<string, Omit<FeeLine, "cents">>();
  for (const { version, plan, from, to, isOwed } of stretches) {
    const { monthlyFee } = version.plans[plan];
    if (monthlyFee === 0n || !isOwed) continue;
    const key = `${plan}:${monthlyFee}`;
    const hours = hoursBetween(from, to);
    const line = lines.get(key);
    if (line) Object.assign(line, { to, hours: line.hours + hours });
    else
      lines.set(key, { kind: "fee", plan, priceVersion: version.version, from, to, hours, hoursInMonth, monthlyFee });
  }
  return [...lines.values()].map((line) => ({
    ...line,
    cents: roundToCents(picocents(divideHalfUp(line.hours * line.monthlyFee, line.hoursInMonth))),
  }));
}

function hoursBetween(from: Date, to: Date): bigint {
  return BigInt((to.getTime() - from.getTime()) / HOUR_MS);
}

/** What lines come to. */
export function totalCents(lines: readonly { cents: bigint }[]): bigint {
  return lines.reduce((sum, line) => sum + line.cents, 0n);
}

/** What usage is worth at list price, before anything that is included. For showing what one call or one function costs. */
export function listPrice(used: Partial<Quantities>, version: PriceVersion): Picocents {
  const prices = version.plans.pro.meters;
  let sum = 0n;
  for (const meter of meters) sum += worth(used[meter] ?? 0n, prices[meter]);
  return picocents(sum);
}

/** The list price of one call of a function, by the version that was in force when it came. */
export function costOfRequest(call: { cpuNs: bigint; egressBytes: bigint; at: Date }, book: PriceBook): Picocents {
  return listPrice({ requests: 1n, cpu: call.cpuNs, egress: call.egressBytes }, versionAt(book, call.at));
}

function worth(used: bigint, { price, per }: MeterPrice): bigint {
  return divideHalfUp(used * price, per);
}

function divideHalfUp(numerator: bigint, denominator: bigint): bigint {
  return (numerator * 2n + denominator) / (denominator * 2n);
}
