import { DAY_MS, HOUR_MS } from "#server/std/clock.ts";
import { currentStretch } from "./month-report.ts";
import { meters, type Meter } from "./price-book.ts";
import { rateUsage, totalCents, type Quantities, type UsedStretch } from "./rating.ts";

export const FORECAST_DAYS_MAX = 7;
export const FORECAST_DAYS_MIN = 2;

/** Low and high are no bounds: they are where the month ends if the rest of it is like the quieter, or the busier, half of the days looked at. */
export type Range<Amount> = { low: Amount; middle: Amount; high: Amount };

export type Forecast =
  | { kind: "too_early"; wholeDays: number }
  | {
      kind: "forecast";
      basedOnDays: number;
      quantities: Record<Meter, Range<bigint>>;
      usageCents: Range<bigint>;
      /** When the middle pace reaches the cap, or on plans that stop what is included; null if not before the month ends. */
      limitAt: Date | null;
    };

/**
 * Where the month ends if it goes on as the last whole days (UTC) went, seven at most, so that each weekday counts once.
 * Pure. `days` are those since the organization first used anything, days without usage among them.
 */
export function forecastMonth(given: {
  stretches: readonly UsedStretch[];
  days: readonly Quantities[];
  capCents: bigint;
  now: Date;
}): Forecast {
  const { stretches, capCents, now } = given;
  const days = given.days.slice(-FORECAST_DAYS_MAX);
  if (days.length < FORECAST_DAYS_MIN) return { kind: "too_early", wholeDays: days.length };
  const paces = pacesOf(days);
  const monthEnd = stretches.at(-1)?.to ?? now;
  const ends = {
    low: goOn(stretches, paces.low, { now, until: monthEnd }),
    middle: goOn(stretches, paces.middle, { now, until: monthEnd }),
    high: goOn(stretches, paces.high, { now, until: monthEnd }),
  };
  const range = (of: (end: UsedStretch[]) => bigint): Range<bigint> => ({
    low: of(ends.low),
    middle: of(ends.middle),
    high: of(ends.high),
  });
  const sum = (meter: Meter) => range((end) => end.reduce((total, stretch) => total + stretch.used[meter], 0n));
  return {
    kind: "forecast",
    basedOnDays: days.length,
    quantities: { requests: sum("requests"), cpu: sum("cpu"), egress: sum("egress"), storage: sum("storage") },
    usageCents: range((end) => totalCents(rateUsage(end))),
    limitAt: limitAt(stretches, paces.middle, { now, monthEnd, capCents }),
  };
}

/** Amounts a day: the average, and those of the lesser and the greater half of the days, each meter for itself. */
function pacesOf(days: readonly Quantities[]): Range<Quantities> {
  const half = Math.ceil(days.length / 2);
  const pace = (pick: (sorted: bigint[]) => bigint[]): Quantities => {
    const of = (meter: Meter) => {
      const picked = pick(days.map((day) => day[meter]).toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0)));
      return picked.reduce((sum, amount) => sum + amount, 0n) / BigInt(picked.length);
    };
    return { requests: of("requests"), cpu: of("cpu"), egress: of("egress"), storage: of("storage") };
  };
  return {
    low: pace((sorted) => sorted.slice(0, half)),
    middle: pace((sorted) => sorted),
    high: pace((sorted) => sorted.slice(-half)),
  };
}

/** The stretches as they are at `until` if so much is used a day from `now` on. */
function goOn(stretches: readonly UsedStretch[], aDay: Quantities, time: { now: Date; until: Date }): UsedStretch[] {
  return stretches.map((stretch) => {
    const begins = Math.max(stretch.from.getTime(), time.now.getTime());
    const ends = Math.min(stretch.to.getTime(), time.until.getTime());
    const ms = BigInt(Math.max(0, ends - begins));
    const more = (meter: Meter) => stretch.used[meter] + (aDay[meter] * ms) / BigInt(DAY_MS);
    return {
      ...stretch,
      used: { requests: more("requests"), cpu: more("cpu"), egress: more("egress"), storage: more("storage") },
    };
  });
}

/** The first whole hour from now on at whose end the limit is passed, found by halving: usage only grows. */
function limitAt(
  stretches: readonly UsedStretch[],
  aDay: Quantities,
  of: { now: Date; monthEnd: Date; capCents: bigint },
): Date | null {
  const isPassed = (until: Date) => isPastLimit(goOn(stretches, aDay, { now: of.now, until }), until, of.capCents);
  const at = (hours: number) => new Date(Math.min(of.now.getTime() + hours * HOUR_MS, of.monthEnd.getTime()));
  let [open, passed] = [0, Math.ceil((of.monthEnd.getTime() - of.now.getTime()) / HOUR_MS)];
  if (!isPassed(at(passed))) return null;
  while (passed - open > 1) {
    const middle = Math.floor((open + passed) / 2);
    if (isPassed(at(middle))) passed = middle;
    else open = middle;
  }
  return at(passed);
}

function isPastLimit(stretches: readonly UsedStretch[], at: Date, capCents: bigint): boolean {
  const { version, plan: name } = currentStretch(stretches, at);
  const plan = version.plans[name];
  if (plan.overage === "billed") return totalCents(rateUsage(stretches)) > capCents;
  return meters.some(
    (meter) => stretches.reduce((sum, { used }) => sum + used[meter], 0n) > plan.meters[meter].included,
  );
}
