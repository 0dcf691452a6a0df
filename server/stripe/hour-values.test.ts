import fc from "fast-check";
import { expect, test } from "vitest";
import { hourValues } from "./hour-values.ts";
import { billedMeters, unitsOf } from "./meter-unit.ts";

const hour = (index: number) => new Date(Date.UTC(2026, 10, 1, index));

const months = fc.record({
  meter: fc.constantFrom(...billedMeters),
  used: fc.array(fc.bigInt({ min: 0n, max: 10n ** 14n }), { maxLength: 60 }),
});

test("the hours of a whole month add up to the month's usage, rounded down once, and no hour is told less than it was", () => {
  fc.assert(
    fc.property(months, ({ meter, used }) => {
      const hours = used.map((one, index) => ({ hourAt: hour(index), used: one }));
      const values = hourValues({ meter, hours, before: null, isWhole: true });
      const sum = values.reduce((total, { value }) => total + value, 0n);
      expect(sum).toBe(
        unitsOf(
          meter,
          used.reduce((total, one) => total + one, 0n),
        ),
      );
      for (const [index, { value }] of values.entries())
        expect(value).toBeGreaterThanOrEqual(unitsOf(meter, used[index] ?? 0n));
    }),
  );
});

test("while a month runs, each hour is what it used, rounded down", () => {
  fc.assert(
    fc.property(months, ({ meter, used }) => {
      const hours = used.map((one, index) => ({ hourAt: hour(index), used: one }));
      const values = hourValues({ meter, hours, before: null, isWhole: false });
      expect(values.map(({ value }) => value)).toEqual(used.map((one) => unitsOf(meter, one)));
    }),
  );
});

test.each([
  [300n, 1_000n, 300n],
  [1_000n, 1_000n, 1_000n],
  [5_000n, 1_000n, 1_000n],
  [0n, 1_000n, 0n],
])("of %i used before a subscription, %i included, its first hour carries %i", (used, included, carried) => {
  const hours = [{ hourAt: hour(20), used: 7n }];
  const before = { used, included, firstHour: hour(10) };
  const values = hourValues({ meter: "requests", hours, before, isWhole: false });
  expect(values).toEqual([
    ...(carried > 0n ? [{ hourAt: hour(10), value: carried }] : []),
    { hourAt: hour(20), value: 7n },
  ]);
});

test("an hour that no counting could have led to is refused rather than cut", () => {
  expect(() =>
    hourValues({ meter: "requests", hours: [{ hourAt: hour(1), used: 10n ** 15n }], before: null, isWhole: false }),
  ).toThrow("more than Stripe takes");
});
