import type { PlanName } from "#server/db/generated/enums.ts";
import { parseCents, type Picocents } from "#server/std/money.ts";

/** What is counted for money. */
export type Meter = "requests" | "cpu" | "egress" | "storage";

/** The order in which pages and invoices name them. */
export const meters = ["requests", "cpu", "egress", "storage"] as const satisfies readonly Meter[];

export type MeterPrice = {
  /** Units included in the plan each month. */
  included: bigint;
  /** Price of `per` units beyond what is included. */
  price: Picocents;
  per: bigint;
};

export type Plan = {
  name: PlanName;
  title: string;
  monthlyFee: Picocents;
  /** Whether usage past what is included is billed, or stops. */
  overage: "stops" | "billed";
  meters: Record<Meter, MeterPrice>;
};

export type Plans = Record<PlanName, Plan>;

/** Immutable, and in force from a whole UTC hour on. */
export type PriceVersion = {
  version: number;
  effectiveAt: Date;
  currency: "usd";
  plans: Plans;
};

/** All versions, oldest first. There is always one. */
export type PriceBook = readonly [PriceVersion, ...PriceVersion[]];

/** Units in which the ledger counts: requests, nanoseconds of CPU, bytes out, byte-hours stored. */
export const MILLION_REQUESTS = 1_000_000n;
export const CPU_HOUR_NS = 3_600_000_000_000n;
export const GB_BYTES = 1_000_000_000n;
/** A month of storage is 730 hours, whatever the month, so that a price per GB-month is one price. */
export const GB_MONTH_BYTE_HOURS = GB_BYTES * 730n;

/** How many units one price is for. Pages say "a million requests", so it is the same in every version. */
export const pricedPer: Record<Meter, bigint> = {
  requests: MILLION_REQUESTS,
  cpu: CPU_HOUR_NS,
  egress: GB_BYTES,
  storage: GB_MONTH_BYTE_HOURS,
};

/** Overage prices are the same on every plan; on Free they say what usage is worth, and are never charged. */
const prices = {
  requests: { price: parseCents("30"), per: pricedPer.requests },
  cpu: { price: parseCents("8"), per: pricedPer.cpu },
  egress: { price: parseCents("4"), per: pricedPer.egress },
  storage: { price: parseCents("1.5"), per: pricedPer.storage },
} as const;

/** What an installation begins with: its version 1. Later ones are rows that its operator adds. */
export const firstVersion: PriceVersion = {
  version: 1,
  effectiveAt: new Date("2026-11-01T00:00:00Z"),
  currency: "usd",
  plans: {
    free: {
      name: "free",
      title: "Free",
      monthlyFee: parseCents("0"),
      overage: "stops",
      meters: {
        requests: { ...prices.requests, included: 1n * MILLION_REQUESTS },
        cpu: { ...prices.cpu, included: 2n * CPU_HOUR_NS },
        egress: { ...prices.egress, included: 10n * GB_BYTES },
        storage: { ...prices.storage, included: 1n * GB_MONTH_BYTE_HOURS },
      },
    },
    pro: {
      name: "pro",
      title: "Pro",
      monthlyFee: parseCents("500"),
      overage: "billed",
      meters: {
        requests: { ...prices.requests, included: 5n * MILLION_REQUESTS },
        cpu: { ...prices.cpu, included: 10n * CPU_HOUR_NS },
        egress: { ...prices.egress, included: 100n * GB_BYTES },
        storage: { ...prices.storage, included: 10n * GB_MONTH_BYTE_HOURS },
      },
    },
  },
};

/** The version in force at a moment; before the first one, the first. */
export function versionAt(book: PriceBook, at: Date): PriceVersion {
  return book.findLast((version) => version.effectiveAt <= at) ?? book[0];
}
