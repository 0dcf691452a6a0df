import type { PlanName } from "#server/db/generated/enums.ts";
import type { Db } from "#server/db/client.ts";
import type { Clock } from "#server/std/clock.ts";
import { formatCents, formatExact, roundToCents } from "#server/std/money.ts";
import {
  GB_BYTES,
  GB_MONTH_BYTE_HOURS,
  meters,
  versionAt,
  type Meter,
  type MeterPrice,
  type Plan,
} from "./price-book.ts";
import { loadPriceBook } from "./price-versions.ts";

export type MeterSummary = {
  meter: Meter;
  /** Requests, nanoseconds, bytes; storage as the bytes that may lie there all month. */
  included: bigint;
  /** "$0.30" a million requests, a CPU-hour, a GB, a GB-month: whatever the price book's `per` is. */
  price: string;
};
export type PlanSummary = {
  name: PlanName;
  title: string;
  monthlyFee: string;
  overage: "stops" | "billed";
  meters: MeterSummary[];
};

/** The price book in force as pages show it: amounts as text, because nothing outside of billing does sums with money. */
export async function currentPlans(tools: {
  db: Db;
  clock: Clock;
}): Promise<Record<PlanName, PlanSummary> & { effectiveAt: Date }> {
  const { plans, effectiveAt } = versionAt(await loadPriceBook(tools.db), new Date(tools.clock.nowMs()));
  return { free: planSummary(plans.free), pro: planSummary(plans.pro), effectiveAt };
}

export function planSummary({ name, title, monthlyFee, overage, meters: prices }: Plan): PlanSummary {
  return {
    name,
    title,
    monthlyFee: formatCents(roundToCents(monthlyFee)),
    overage,
    meters: meters.map((meter) => summary(meter, prices[meter])),
  };
}

function summary(meter: Meter, { included, price }: MeterPrice): MeterSummary {
  return { meter, included: shownQuantity(meter, included), price: formatExact(price) };
}

const HOURS_A_MONTH = GB_MONTH_BYTE_HOURS / GB_BYTES;

/** The ledger counts byte-hours; people think of the bytes that lie there all month. */
export function shownQuantity(meter: Meter, quantity: bigint): bigint {
  return meter === "storage" ? quantity / HOURS_A_MONTH : quantity;
}
