import { expect, test } from "vitest";
import { firstVersion } from "#server/billing/price-book.ts";
import fc from "fast-check";
import { graduated, parseDecimal, toCents } from "./double/amounts.ts";
import { expectedCents } from "./expected-lines.ts";
import { billedMeters, unitPrice, unitsOf } from "./meter-unit.ts";
import { closeAccount, type MonthAccount } from "./month-account.ts";

const monthAt = new Date("2026-11-01T00:00:00Z");
const month = { fee: 500n, requests: 30n, cpu: 8n, egress: 0n };

function account(change: Partial<MonthAccount>): MonthAccount {
  const { fee: _, ...expected } = month;
  return {
    ours: { monthAt, month, lateCents: 0n, creditCents: 0n },
    theirs: { monthAt, month, settledCents: 0n },
    expected,
    pricesChanged: false,
    earlierCents: 0n,
    ...change,
  };
}

test("two sides that are equal to the cent need nothing", () => {
  expect(closeAccount(account({}))).toEqual({ kind: "agreed", settlements: [] });
});

test("a cent that nothing explains is held, on either side", () => {
  const theirs = { monthAt, month: { ...month, cpu: 9n }, settledCents: 0n };
  expect(closeAccount(account({ theirs }))).toMatchObject({
    kind: "differs",
    because: expect.stringContaining("9 cents of cpu"),
  });
  const ours = { monthAt, month: { ...month, requests: 31n }, lateCents: 0n, creditCents: 0n };
  expect(closeAccount(account({ ours }))).toMatchObject({ kind: "differs", because: expect.stringContaining("539") });
});

test("late usage, credits, earlier months and prices that changed are put right, each by itself", () => {
  const ours = { monthAt, month: { ...month, requests: 35n }, lateCents: 12n, creditCents: 100n };
  expect(closeAccount(account({ ours, pricesChanged: true, earlierCents: 7n }))).toEqual({
    kind: "agreed",
    settlements: [
      { kind: "prices", cents: 5n },
      { kind: "late", cents: 12n },
      { kind: "credit", cents: -100n },
      { kind: "earlier", cents: 7n },
    ],
  });
});

test("our expectation of a line is what Stripe's tiers come to, at every edge", () => {
  const { pro } = firstVersion.plans;
  for (const meter of billedMeters) {
    const free = unitsOf(meter, pro.meters[meter].included);
    const tiers = [
      { upTo: free, unit: 0n, flat: 0n },
      { upTo: "inf" as const, unit: parseDecimal(unitPrice(meter, pro.meters[meter])), flat: 0n },
    ];
    const edges = [0n, free - 1n, free, free + 1n, free * 2n];
    for (const units of edges) expect(expectedCents(pro, meter, units)).toBe(toCents(graduated(units, tiers)));
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 15n }), (units) => {
        expect(expectedCents(pro, meter, units)).toBe(toCents(graduated(units, tiers)));
      }),
    );
  }
});
