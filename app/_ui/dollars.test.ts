import { expect, test } from "vitest";
import { dollarsText, parseDollars } from "./dollars.ts";

test("amounts are read as people type them, to the cent", () => {
  expect(["20", "$20", " 20.5 ", "20.50", "$1,250.50", "0", "0.01"].map(parseDollars)).toEqual([
    2_000n,
    2_000n,
    2_050n,
    2_050n,
    125_050n,
    0n,
    1n,
  ]);
});

test("what is no amount is not guessed at", () => {
  expect(["", "-5", "1e3", "12,50", "1.234", "20 dollars", "€20", "1,00,000", "٢٠"].map(parseDollars)).toEqual(
    Array.from({ length: 9 }, () => null),
  );
});

test("what a field shows is read back as the same amount", () => {
  for (const cents of [0n, 1n, 99n, 100n, 2_000n, 123_456_789n]) expect(parseDollars(dollarsText(cents))).toBe(cents);
});
