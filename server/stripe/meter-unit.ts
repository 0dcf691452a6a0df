import { pricedPer, type Meter, type MeterPrice } from "#server/billing/price-book.ts";
import { Fault } from "#server/std/fault.ts";
import { decimalCents, picocents } from "#server/std/money.ts";

/** What is counted hour by hour and billed through Stripe. Nothing is stored yet that would be. */
export const billedMeters = ["requests", "cpu", "egress"] as const satisfies readonly Meter[];
export type BilledMeter = (typeof billedMeters)[number];

export type MeterUnit = {
  /** What Stripe knows the meter by; for good, as a meter can't be changed. */
  eventName: string;
  title: string;
  /** One unit of Stripe's, in the ledger's units. */
  size: bigint;
  label: string;
};

/**
 * Stripe takes whole numbers of at most 15 digits, and prices with at most 12 places of a cent. A unit is therefore a
 * power of ten below what one price is for: a price of the book then is one of Stripe's, exactly, and a hundred million
 * CPU units are a CPU-hour.
 */
export const meterUnits: Record<BilledMeter, MeterUnit> = {
  requests: { eventName: "sluice_requests", title: "Requests", size: 1n, label: "request" },
  cpu: { eventName: "sluice_cpu", title: "CPU time", size: pricedPer.cpu / 100_000_000n, label: "36 µs of CPU" },
  egress: { eventName: "sluice_egress", title: "Egress", size: pricedPer.egress / 1_000_000n, label: "kB" },
};

/** Digits that Stripe takes in one value. */
export const VALUE_MAX = 999_999_999_999_999n;

/** Whole units of a quantity; what is left over is less than one. */
export function unitsOf(meter: BilledMeter, quantity: bigint): bigint {
  return quantity / meterUnits[meter].size;
}

/** The price of one unit, in decimal cents. A price that can't be said exactly is refused rather than rounded. */
export function unitPrice(meter: BilledMeter, { price, per }: MeterPrice): string {
  const product = price * meterUnits[meter].size;
  if (product % per !== 0n) {
    const places = String(per / meterUnits[meter].size).length - 1;
    throw new Fault(
      "invalid",
      `The price of ${meter}, ${decimalCents(price)} cents, is finer than Stripe can charge. Give it at most ${12 - places} decimal places.`,
    );
  }
  return decimalCents(picocents(product / per));
}
