import { parseCents, type Picocents } from "#server/std/money.ts";

/** What others charge by. Quantities of a workload are made of ours in comparison.ts. */
export type MarketUnit = "requests" | "cpuMs" | "durationVcpuMs" | "durationMbMs" | "egressBytes";

export type MarketRate = {
  unit: MarketUnit;
  title: string;
  included: bigint;
  /** Price of `per` units beyond what is included. */
  price: Picocents;
  per: bigint;
};

export type MarketOffer = {
  vendor: "cloudflare" | "aws" | "vercel" | "google";
  title: string;
  /** Where the vendor publishes the list, and when we read it, in public copies of that page. */
  source: string;
  readOn: string;
  monthlyFee: Picocents;
  /** Usage that the fee pays for, before anything is added to it. */
  feeCovers: Picocents;
  /** Memory that an instance has there: the least that runs our kind of function, or the vendor's default where nothing is to be chosen. */
  memoryMb: bigint;
  /** Each request's duration is billed in steps of this. */
  stepMs: bigint;
  rates: readonly MarketRate[];
  assumptions: readonly string[];
};

const MILLION = 1_000_000n;
const GB_BYTES = 1_000_000_000n;
const GB_SECOND = 1024n * 1000n; // MB times ms
const HOUR_MS = 3_600_000n;

const requests = (included: bigint, cents: string): MarketRate => ({
  unit: "requests",
  title: "Requests",
  included,
  price: parseCents(cents),
  per: MILLION,
});
const egress = (includedGb: bigint, cents: string): MarketRate => ({
  unit: "egressBytes",
  title: "Data out",
  included: includedGb * GB_BYTES,
  price: parseCents(cents),
  per: GB_BYTES,
});

const READ_ON = "2026-11-24";

/** Public list prices, in US dollars, of the vendor's cheapest plan for paying customers in its cheapest region. Before taxes, discounts and support. */
export const marketOffers: readonly MarketOffer[] = [
  {
    vendor: "cloudflare",
    title: "Cloudflare Workers, Paid",
    source: "https://developers.cloudflare.com/workers/platform/pricing/",
    readOn: READ_ON,
    monthlyFee: parseCents("500"),
    feeCovers: parseCents("0"),
    memoryMb: 128n,
    stepMs: 1n,
    rates: [
      requests(10n * MILLION, "30"),
      { unit: "cpuMs", title: "CPU time", included: 30n * MILLION, price: parseCents("2"), per: MILLION },
    ],
    assumptions: ["The same CPU time; duration and data out are not charged."],
  },
  {
    vendor: "aws",
    title: "AWS Lambda, x86, us-east-1",
    source: "https://aws.amazon.com/lambda/pricing/",
    readOn: READ_ON,
    monthlyFee: parseCents("0"),
    feeCovers: parseCents("0"),
    memoryMb: 128n,
    stepMs: 1n,
    rates: [
      requests(1n * MILLION, "20"),
      {
        unit: "durationMbMs",
        title: "Duration",
        included: 400_000n * GB_SECOND,
        price: parseCents("0.00166667"),
        per: GB_SECOND,
      },
      egress(100n, "9"),
    ],
    assumptions: [
      "128 MB, the smallest size, one request at a time, and the same duration: such a size has a fraction of a CPU there, so work that computes takes longer.",
      "Called through a function URL; an API gateway costs extra. Starts are charged there, and not counted here.",
    ],
  },
  {
    vendor: "vercel",
    title: "Vercel Functions, Pro, iad1",
    source: "https://vercel.com/docs/functions/usage-and-pricing",
    readOn: READ_ON,
    monthlyFee: parseCents("2000"),
    feeCovers: parseCents("2000"),
    memoryMb: 2048n,
    stepMs: 1n,
    rates: [
      requests(0n, "60"),
      { unit: "requests", title: "Edge requests", included: 10n * MILLION, price: parseCents("200"), per: MILLION },
      { unit: "cpuMs", title: "Active CPU", included: 0n, price: parseCents("12.8"), per: HOUR_MS },
      { unit: "durationMbMs", title: "Memory", included: 0n, price: parseCents("1.06"), per: 1024n * HOUR_MS },
      egress(1000n, "15"),
    ],
    assumptions: [
      "One seat, whose fee pays for as much usage. 2 GB of memory, the default, for one request at a time: where requests share an instance, memory costs less.",
    ],
  },
  {
    vendor: "google",
    title: "Cloud Run, billed by request, tier 1",
    source: "https://cloud.google.com/run/pricing",
    readOn: READ_ON,
    monthlyFee: parseCents("0"),
    feeCovers: parseCents("0"),
    memoryMb: 512n,
    stepMs: 100n,
    rates: [
      requests(2n * MILLION, "40"),
      {
        unit: "durationVcpuMs",
        title: "vCPU time",
        included: 180_000n * 1000n,
        price: parseCents("0.0024"),
        per: 1000n,
      },
      {
        unit: "durationMbMs",
        title: "Memory",
        included: 360_000n * GB_SECOND,
        price: parseCents("0.00025"),
        per: GB_SECOND,
      },
      egress(1n, "12"),
    ],
    assumptions: [
      "1 vCPU and 512 MiB, the default, for one request at a time, each rounded up to 100 ms: up to 80 may share an instance there, and steady traffic then costs less.",
    ],
  },
];
