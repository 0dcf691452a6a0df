import type { Plan } from "#server/billing/price-book.ts";
import { picocents, roundToCents } from "#server/std/money.ts";
import { meterUnits, unitsOf, type BilledMeter } from "./meter-unit.ts";

/**
 * What Stripe's line of a metered price comes to for a quantity in its units: nothing up to what is included, then the
 * price of each unit, rounded half up once. Pure, and exact: the price of a unit is one of Stripe's (meter-unit.ts).
 */
export function expectedCents(plan: Plan, meter: BilledMeter, units: bigint): bigint {
  const { included, price, per } = plan.meters[meter];
  const free = unitsOf(meter, included);
  const billable = units > free ? units - free : 0n;
  return roundToCents(picocents((billable * price * meterUnits[meter].size) / per));
}
