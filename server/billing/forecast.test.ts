import fc from "fast-check";
import { expect, test } from "vitest";
import type { PlanName } from "#server/db/generated/enums.ts";
import { forecastMonth } from "./forecast.ts";
import { firstVersion, MILLION_REQUESTS } from "./price-book.ts";
import type { UsedStretch } from "./rating.ts";

const nothing = { requests: 0n, cpu: 0n, egress: 0n, storage: 0n };
const requests = (requests: bigint) => ({ ...nothing, requests });
/** Ten days of thirty are left. */
const now = new Date("2026-11-21T00:00:00Z");

function month(used: bigint, plan: PlanName = "pro"): UsedStretch[] {
  const [from, to] = [new Date("2026-11-01T00:00:00Z"), new Date("2026-12-01T00:00:00Z")];
  return [{ from, to, plan, version: firstVersion, isOwed: true, used: requests(used) }];
}

const steady = (amount: bigint, days = 7) => Array.from({ length: days }, () => requests(amount));

test("an even pace ends where it leads, without a range that it does not have", () => {
  const forecast = forecastMonth({
    stretches: month(4n * MILLION_REQUESTS),
    days: steady(500_000n),
    capCents: 2_000n,
    now,
  });
  const requests = 9n * MILLION_REQUESTS; // 4 M and ten days of half a million
  expect(forecast).toMatchObject({
    basedOnDays: 7,
    quantities: { requests: { low: requests, middle: requests, high: requests } },
    usageCents: { low: 120n, middle: 120n, high: 120n },
    limitAt: null,
  });
});

test("the range is the quieter and the busier half of the days", () => {
  const days = [0n, 100n, 200n, 300n].map(requests);
  const forecast = forecastMonth({ stretches: month(0n), days, capCents: 2_000n, now });
  expect(forecast).toMatchObject({ quantities: { requests: { low: 500n, middle: 1_500n, high: 2_500n } } });
});

test("before two whole days there is no forecast, and only the last seven count", () => {
  expect(forecastMonth({ stretches: month(5n), days: steady(5n, 1), capCents: 0n, now })).toEqual({
    kind: "too_early",
    wholeDays: 1,
  });
  const days = [...steady(10n ** 12n, 20), ...steady(10n)];
  expect(forecastMonth({ stretches: month(0n), days, capCents: 0n, now })).toMatchObject({
    basedOnDays: 7,
    quantities: { requests: { high: 100n } },
  });
});

test("it says when the middle pace reaches the cap", () => {
  // A million a day past what is included is 30 cents a day: $1.00 is passed in the fourth day.
  const stretches = month(5n * MILLION_REQUESTS);
  const forecast = forecastMonth({ stretches, days: steady(MILLION_REQUESTS), capCents: 100n, now });
  const limitAt = forecast.kind === "forecast" ? forecast.limitAt : null;
  expect(limitAt?.toISOString()).toBe("2026-11-24T09:00:00.000Z");
});

test("on Free it says when what is included runs out", () => {
  const stretches = month(500_000n, "free");
  const forecast = forecastMonth({ stretches, days: steady(100_000n), capCents: 2_000n, now });
  const limitAt = forecast.kind === "forecast" ? forecast.limitAt : null;
  expect(limitAt?.toISOString()).toBe("2026-11-26T01:00:00.000Z"); // five days, and the hour in which one more comes
});

test("low is never above middle nor middle above high, and none is below what was used already", () => {
  const amount = fc.bigInt({ min: 0n, max: 10n ** 9n });
  fc.assert(
    fc.property(fc.array(amount, { minLength: 2, maxLength: 10 }), amount, (days, used) => {
      const forecast = forecastMonth({ stretches: month(used), days: days.map(requests), capCents: 100n, now });
      if (forecast.kind !== "forecast") throw new Error("two days are enough");
      for (const { low, middle, high } of [forecast.quantities.requests, forecast.usageCents]) {
        expect(low <= middle && middle <= high).toBe(true);
      }
      expect(forecast.quantities.requests.low >= used).toBe(true);
    }),
  );
});
