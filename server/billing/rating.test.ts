import fc from "fast-check";
import { expect, test } from "vitest";
import { formatExact, parseCents, picocents, roundToCents } from "#server/std/money.ts";
import { CPU_HOUR_NS, currentPriceVersion, GB_BYTES, MILLION_REQUESTS } from "./price-book.ts";
import { costOfRequest, rate } from "./rating.ts";

const version = currentPriceVersion(new Date("2026-11-24T00:00:00Z"));
const nothing = { requests: 0n, cpu: 0n, egress: 0n, storage: 0n };

test("what the plan includes costs nothing, and the first unit past it is priced", () => {
  const at = rate({ ...nothing, requests: 5n * MILLION_REQUESTS }, "pro", version);
  expect(at.every((line) => line.cents === 0n)).toBe(true);
  const past = rate({ ...nothing, requests: 6n * MILLION_REQUESTS }, "pro", version);
  expect(past.find((line) => line.meter === "requests")).toMatchObject({ billable: MILLION_REQUESTS, cents: 30n });
});

test("the free plan never bills, however much was used", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 10n ** 24n }), (used) => {
      const lines = rate({ requests: used, cpu: used, egress: used, storage: used }, "free", version);
      expect(lines.every((line) => line.cents === 0n)).toBe(true);
    }),
  );
});

test("more usage never costs less", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 10n ** 20n }), fc.bigInt({ min: 0n, max: 10n ** 20n }), (used, more) => {
      const cents = (quantity: bigint) => rate({ ...nothing, cpu: quantity }, "pro", version)[1]?.cents ?? 0n;
      expect(cents(used + more) >= cents(used)).toBe(true);
    }),
  );
});

test("half a cent rounds up, as Stripe rounds a line", () => {
  expect(roundToCents(parseCents("0.5"))).toBe(1n);
  expect(roundToCents(parseCents("0.499999999999"))).toBe(0n);
  expect(roundToCents(parseCents("1.5"))).toBe(2n);
  expect(roundToCents(picocents(0n - parseCents("1.5")))).toBe(-2n);
});

test("a CPU hour and a gigabyte cost what the book says", () => {
  expect(formatExact(costOfRequest({ cpuNs: CPU_HOUR_NS, egressBytes: GB_BYTES }))).toBe("$0.1200003");
});
