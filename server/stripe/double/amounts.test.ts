import { expect, test } from "vitest";
import { formatDecimal, graduated, parseDecimal, shareOf, toCents, volume, type Tier } from "./amounts.ts";

const tiers: Tier[] = [
  { upTo: 10n, unit: 0n, flat: 0n },
  { upTo: "inf", unit: parseDecimal("0.5"), flat: 0n },
];

test.each([
  [-5n, "0"],
  [0n, "0"],
  [10n, "0"],
  [11n, "0.5"],
  [20n, "5"],
])("%i units in graduated tiers come to %s cents: each unit costs what its own tier says", (quantity, cents) => {
  expect(formatDecimal(graduated(quantity, tiers))).toBe(cents);
});

test("in volume tiers all units cost what the whole quantity's tier says", () => {
  expect(formatDecimal(volume(10n, tiers))).toBe("0");
  expect(formatDecimal(volume(11n, tiers))).toBe("5.5");
});

test.each([
  ["0.499999999999", 0n],
  ["0.5", 1n],
  ["1.5", 2n],
  ["-0.5", -1n],
])("%s cents are rounded to %i: the half away from zero", (amount, cents) => {
  expect(toCents(parseDecimal(amount))).toBe(cents);
});

test("a share by time is rounded once", () => {
  expect(shareOf(500n, 1, 3)).toBe(167n);
  expect(shareOf(500n, 720, 720)).toBe(500n);
});
