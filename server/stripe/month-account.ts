import type { BilledMeter } from "./meter-unit.ts";
import type { Part } from "./catalog.ts";

/** One of our own invoices, as far as Stripe has to collect it. */
export type OurMonth = {
  monthAt: Date;
  /** Fee and usage of the month itself. */
  month: Record<Part, bigint>;
  /** What came late of earlier months. */
  lateCents: bigint;
  /** What credits paid of it. */
  creditCents: bigint;
};

/** What stands on Stripe's invoices for a month, by part; what we added to put things right is by itself. */
export type TheirMonth = { monthAt: Date; month: Record<Part, bigint>; settledCents: bigint };

export type SettlementKind = "late" | "credit" | "prices" | "earlier";
/** An amount to be put on the invoice that closes a month, and why. */
export type Settlement = { kind: SettlementKind; cents: bigint };

export type Closing =
  | { kind: "agreed"; settlements: Settlement[] }
  /** The two sides differ, and nothing that we know of explains it. */
  | { kind: "differs"; because: string };

export type MonthAccount = {
  /** The month that is being closed. */
  ours: OurMonth;
  theirs: TheirMonth;
  /** What Stripe's lines must come to by what Stripe was told, at the prices of the subscription. */
  expected: Record<BilledMeter, bigint>;
  /** Whether the price book changed within the month, so that our lines have prices that Stripe's have not. */
  pricesChanged: boolean;
  /** What earlier months came to on our side and not on Stripe's: their invoices are final. */
  earlierCents: bigint;
};

/**
 * Holds a month as Stripe has it against ours, to the cent. What differs for a reason that we know is put on the invoice,
 * each reason with its own amount; anything else is for an operator to look at.
 */
export function closeAccount({ ours, theirs, expected, pricesChanged, earlierCents }: MonthAccount): Closing {
  for (const meter of ["requests", "cpu", "egress"] as const)
    if (theirs.month[meter] !== expected[meter])
      return differs(
        `Stripe has ${theirs.month[meter]} cents of ${meter}, and what it was told comes to ${expected[meter]}`,
      );
  const byPrices = sum(ours.month) - sum(theirs.month);
  if (byPrices !== 0n && !pricesChanged)
    return differs(`our invoice has ${sum(ours.month)} cents for the month itself, and Stripe ${sum(theirs.month)}`);
  const all: Settlement[] = [
    { kind: "prices", cents: byPrices },
    { kind: "late", cents: ours.lateCents },
    { kind: "credit", cents: -ours.creditCents },
    { kind: "earlier", cents: earlierCents },
  ];
  return { kind: "agreed", settlements: all.filter(({ cents }) => cents !== 0n) };
}

function differs(because: string): Closing {
  return { kind: "differs", because };
}

export function sum(month: Record<Part, bigint>): bigint {
  return month.fee + month.requests + month.cpu + month.egress;
}

/** What our side says is due for a month, all in all. */
export function dueOf({ month, lateCents, creditCents }: OurMonth): bigint {
  return sum(month) + lateCents - creditCents;
}

/** What stands on Stripe's side for it. */
export function chargedOf({ month, settledCents }: TheirMonth): bigint {
  return sum(month) + settledCents;
}
