import { picocents, roundToCents, type Picocents } from "#server/std/money.ts";
import type { PlanName } from "#server/db/generated/enums.ts";
import { currentPriceVersion, type Meter, type MeterPrice, type PriceVersion } from "./price-book.ts";

/** Quantities of a period, in the ledger's units. */
export type Quantities = Record<Meter, bigint>;

export type RatedLine = {
  meter: Meter;
  used: bigint;
  included: bigint;
  /** Used beyond what is included. */
  billable: bigint;
  /** What is due for this line: whole cents, rounded half up once, here. Zero where the plan stops instead of billing. */
  cents: bigint;
};

const meters = ["requests", "cpu", "egress", "storage"] as const satisfies readonly Meter[];

/** Usage and a price version in, invoice lines out. Pure. */
export function rate(used: Quantities, plan: PlanName, version: PriceVersion): RatedLine[] {
  const { meters: prices, overage } = version.plans[plan];
  return meters.map((meter) => {
    const { included, price, per } = prices[meter];
    const billable = used[meter] > included ? used[meter] - included : 0n;
    const cents = overage === "billed" ? roundToCents(picocents(divideHalfUp(billable * price, per))) : 0n;
    return { meter, used: used[meter], included, billable, cents };
  });
}

/** What usage is worth at list price, before anything that is included. For showing what one call or one function costs. */
export function listPrice(used: Partial<Quantities>, version: PriceVersion): Picocents {
  const prices = version.plans.pro.meters;
  let sum = 0n;
  for (const meter of meters) sum += worth(used[meter] ?? 0n, prices[meter]);
  return picocents(sum);
}

/** The list price of one call of a function. */
export function costOfRequest(call: { cpuNs: bigint; egressBytes: bigint }, at: Date = new Date()): Picocents {
  return listPrice({ requests: 1n, cpu: call.cpuNs, egress: call.egressBytes }, currentPriceVersion(at));
}

function worth(used: bigint, { price, per }: MeterPrice): bigint {
  return divideHalfUp(used * price, per);
}

function divideHalfUp(numerator: bigint, denominator: bigint): bigint {
  return (numerator * 2n + denominator) / (denominator * 2n);
}
