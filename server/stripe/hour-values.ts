import { unitsOf, VALUE_MAX, type BilledMeter } from "./meter-unit.ts";

export type SealedHour = { hourAt: Date; used: bigint };

export type HoursOfMonth = {
  meter: BilledMeter;
  /** The sealed hours of a month that a subscription bills, oldest first. */
  hours: readonly SealedHour[];
  /** What the month had used before the subscription began, and from when on it bills; null where it bills the whole month. */
  before: { used: bigint; included: bigint; firstHour: Date } | null;
  /** Whether the month is over and all of it is sealed. */
  isWhole: boolean;
};

export type HourValue = { hourAt: Date; value: bigint };

/**
 * What Stripe is told of a month, in its own units: the total of each hour.
 *
 * A plan that began within the month grants what is included once: what was used before fills it, as it does on our own
 * bill. Stripe counts a subscription's usage from its first hour on, so that hour carries it.
 *
 * An hour is rounded down to whole units. Once the month is whole, the units that were lost that way are added to its
 * last hour, so that the month's sum is the month's usage rounded down once.
 */
export function hourValues({ meter, hours, before, isWhole }: HoursOfMonth): HourValue[] {
  const values = new Map(hours.map(({ hourAt, used }) => [hourAt.getTime(), unitsOf(meter, used)]));
  const add = (hourMs: number, units: bigint) => values.set(hourMs, (values.get(hourMs) ?? 0n) + units);
  if (before) {
    const used = unitsOf(meter, before.used);
    const included = unitsOf(meter, before.included);
    const carried = used < included ? used : included;
    if (carried > 0n) add(before.firstHour.getTime(), carried);
  }
  const last = hours.at(-1);
  if (isWhole && last) {
    const whole = unitsOf(
      meter,
      hours.reduce((sum, { used }) => sum + used, 0n),
    );
    const told = hours.reduce((sum, { used }) => sum + unitsOf(meter, used), 0n);
    if (whole > told) add(last.hourAt.getTime(), whole - told);
  }
  return [...values]
    .toSorted(([a], [b]) => a - b)
    .map(([hourMs, value]) => ({ hourAt: new Date(hourMs), value: checked(meter, value) }));
}

/** A thousand years of one CPU in an hour: nothing that was ever counted rightly. */
function checked(meter: BilledMeter, value: bigint): bigint {
  if (value > VALUE_MAX) throw new Error(`an hour of ${meter} has ${value} units, more than Stripe takes`);
  return value;
}
