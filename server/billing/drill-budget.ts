import type { FunctionLimits } from "#server/contract/limits.ts";
import { costCents, type Budget } from "#server/metering/budget.ts";
import type { Usage } from "#server/metering/usage.ts";
import { HOUR_MS, monthStart, nextMonthStart } from "#server/std/clock.ts";
import { decimalCents, picocents, type Picocents } from "#server/std/money.ts";
import type { MeterPrice, PriceVersion } from "./price-book.ts";

/** What a person may choose. A cent pays for the worst case of any call, so that some are always answered. */
export const DRILL_CAP_CENTS = { min: 1n, max: 1_000n } as const;
export const DRILL_CALLS = { min: 40, max: 2_000 } as const;
export const FLOOD_MS_MAX = 30_000;

/**
 * A budget rounds each meter to whole cents, as an invoice does, and half a cent is a tenth of a test cap. So a drill's
 * budget has the cap and all prices so many times as large: the same proportions, rounded at a millionth of a cent.
 */
const PARTS_PER_CENT = 1_000_000n;
const PICOCENTS_PER_PART = 1_000_000n;

/** The cap pays for one call in so many: the others have to be refused. */
const FLOOD_TIMES_CAP = 4;
/** A flood may not get all of its time at the function's own rate: instances start, and the last calls end. */
const FLOOD_S_AT_RATE = FLOOD_MS_MAX / 1_000 / 2;

export type DrillTerms = { capCents: bigint; calls: number };

/** How many requests the cap pays for. A function that takes few calls a second gets few through in the time of a flood. */
export function requestsPaid({ calls }: DrillTerms, limits: Pick<FunctionLimits, "requestsPerSecondMax">): bigint {
  const likely = Math.min(calls, limits.requestsPerSecondMax * FLOOD_S_AT_RATE);
  return BigInt(Math.max(1, Math.floor(likely / FLOOD_TIMES_CAP)));
}

/**
 * A budget of the test cap with nothing included. CPU time and egress cost what they cost on Pro. Requests cost more: at Pro's
 * price a flood of 2,000 comes to a fifteenth of a cent, and no cap could show itself. The period outlasts the drill even
 * where a month ends in its midst, since a new period begins with nothing used.
 */
export function drillBudget(
  { capCents }: DrillTerms,
  of: { requestsPaid: bigint; version: PriceVersion; now: Date },
): Budget {
  const { cpu, egress } = of.version.plans.pro.meters;
  const weight = ({ price, per }: MeterPrice) => ({
    included: 0n,
    price: decimalCents(picocents(price * PARTS_PER_CENT)),
    per,
  });
  const mostCents = capCents * PARTS_PER_CENT;
  return {
    period: { from: monthStart(of.now), to: nextMonthStart(new Date(of.now.getTime() + HOUR_MS)) },
    mostCents,
    weights: {
      requests: { included: 0n, price: String(mostCents), per: of.requestsPaid },
      cpuNs: weight(cpu),
      egressBytes: weight(egress),
    },
  };
}

/** What usage costs in a drill, by the very sum that admits calls, to a millionth of a cent. */
export function drillCost({ weights }: Budget, used: Usage): Picocents {
  return picocents(costCents(weights, used) * PICOCENTS_PER_PART);
}

/** The cap that a drill's budget holds. */
export function drillCap({ mostCents }: Budget): Picocents {
  return picocents(mostCents * PICOCENTS_PER_PART);
}
