import { parseCents, type Picocents } from "#server/std/money.ts";
import type { PlanName } from "#server/db/generated/enums.ts";

/** What is counted for money, and the unit that one price is for. */
export type Meter = "requests" | "cpu" | "egress" | "storage";

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

/** Immutable, and in force from a whole UTC hour on. */
export type PriceVersion = {
  version: number;
  effectiveAt: Date;
  currency: "usd";
  plans: Record<PlanName, Plan>;
};

/** Units in which the ledger counts: requests, nanoseconds of CPU, bytes out, byte-hours stored. */
export const MILLION_REQUESTS = 1_000_000n;
export const CPU_HOUR_NS = 3_600_000_000_000n;
export const GB_BYTES = 1_000_000_000n;
/** A month of storage is 730 hours, whatever the month, so that a price per GB-month is one price. */
export const GB_MONTH_BYTE_HOURS = GB_BYTES * 730n;

/** Overage prices are the same on every plan; on Free they say what usage is worth, and are never charged. */
const prices = {
  requests: { price: parseCents("30"), per: MILLION_REQUESTS },
  cpu: { price: parseCents("8"), per: CPU_HOUR_NS },
  egress: { price: parseCents("4"), per: GB_BYTES },
  storage: { price: parseCents("1.5"), per: GB_MONTH_BYTE_HOURS },
} as const;

const versions: readonly [PriceVersion, ...PriceVersion[]] = [
  {
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
  },
];

/** The version in force at a moment; before the first one, the first. */
export function currentPriceVersion(at: Date = new Date()): PriceVersion {
  return versions.findLast((version) => version.effectiveAt <= at) ?? versions[0];
}
