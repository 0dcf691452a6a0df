import { formatCents, picocents, roundToCents } from "#server/std/money.ts";
import { marketOffers, type MarketOffer, type MarketRate, type MarketUnit } from "./market-prices.ts";

/** What functions did, as far as anybody charges for it. */
export type Workload = {
  requests: bigint;
  cpuNs: bigint;
  /** From the first byte in to the last one out, of all requests together. */
  durationUs: bigint;
  egressBytes: bigint;
};

export type Comparison = {
  vendor: MarketOffer["vendor"];
  title: string;
  source: string;
  readOn: string;
  totalCents: bigint;
  total: string;
  parts: { title: string; cost: string }[];
  assumptions: readonly string[];
};

/** The same work at others' published prices. Pure: usage in, amounts out, each part rounded half up to cents once. */
export function compareWithMarket(workload: Workload): Comparison[] {
  return marketOffers.map((offer) => compareWith(offer, workload));
}

function compareWith(offer: MarketOffer, workload: Workload): Comparison {
  const quantities = quantitiesFor(offer, workload);
  const usage = offer.rates.map((rate) => ({ title: rate.title, cents: centsFor(rate, quantities[rate.unit]) }));
  const fee = roundToCents(offer.monthlyFee);
  const covered = roundToCents(offer.feeCovers);
  const used = usage.reduce((sum, { cents }) => sum + cents, 0n);
  const beyond = used > covered ? used - covered : 0n;
  const parts = [...(fee > 0n ? [{ title: "Fee", cents: fee }] : []), ...usage];
  const { vendor, title, source, readOn, assumptions } = offer;
  return {
    vendor,
    title,
    source,
    readOn,
    assumptions,
    totalCents: fee + beyond,
    total: formatCents(fee + beyond),
    parts: parts.map(({ title, cents }) => ({ title, cost: formatCents(cents) })),
  };
}

/** Durations are known in sum only: each request is taken to last the average, and that is rounded up to the vendor's step. */
function quantitiesFor(offer: MarketOffer, workload: Workload): Record<MarketUnit, bigint> {
  const { requests, cpuNs, durationUs, egressBytes } = workload;
  const stepUs = offer.stepMs * 1000n;
  const stepsEach = requests === 0n ? 0n : ceiling(durationUs, requests * stepUs);
  const durationMs = requests * stepsEach * offer.stepMs;
  return {
    requests,
    cpuMs: ceiling(cpuNs, 1_000_000n),
    durationVcpuMs: durationMs,
    durationMbMs: durationMs * offer.memoryMb,
    egressBytes,
  };
}

function centsFor({ included, price, per }: MarketRate, quantity: bigint): bigint {
  const billable = quantity > included ? quantity - included : 0n;
  return roundToCents(picocents((billable * price * 2n + per) / (per * 2n)));
}

function ceiling(numerator: bigint, denominator: bigint): bigint {
  return (numerator + denominator - 1n) / denominator;
}
