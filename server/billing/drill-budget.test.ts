import fc from "fast-check";
import { expect, test } from "vitest";
import { defaultLimits } from "#server/contract/limits.ts";
import { costCents } from "#server/metering/budget.ts";
import { DRILL_CALLS, DRILL_CAP_CENTS, drillBudget, drillCap, drillCost, requestsPaid } from "./drill-budget.ts";
import { firstVersion } from "./price-book.ts";

const now = new Date("2026-11-24T12:00:00Z");
const PICOCENTS_PER_CENT = 1_000_000_000_000n;

const someTerms = fc.record({
  capCents: fc.bigInt(DRILL_CAP_CENTS),
  calls: fc.integer(DRILL_CALLS),
});

test("whatever cap and calls are chosen, the cap pays for a quarter of the calls, and for not one more", () => {
  fc.assert(
    fc.property(someTerms, (terms) => {
      const paid = requestsPaid(terms, { requestsPerSecondMax: 10_000 });
      const budget = drillBudget(terms, { requestsPaid: paid, version: firstVersion, now });
      const cost = (requests: bigint) => drillCost(budget, { requests, cpuNs: 0n, egressBytes: 0n });
      expect(drillCap(budget)).toBe(terms.capCents * PICOCENTS_PER_CENT);
      expect(cost(paid)).toBe(drillCap(budget));
      expect(cost(paid + 1n) > drillCap(budget)).toBe(true);
      expect(4n * paid <= BigInt(terms.calls)).toBe(true);
    }),
  );
});

test("CPU time and egress cost what they cost on Pro, to a millionth of a cent", () => {
  const budget = drillBudget({ capCents: 5n, calls: 400 }, { requestsPaid: 100n, version: firstVersion, now });
  const cost = (cpuNs: bigint, egressBytes: bigint) => drillCost(budget, { requests: 0n, cpuNs, egressBytes });
  expect(cost(3_600_000_000_000n, 0n)).toBe(8n * PICOCENTS_PER_CENT);
  expect(cost(0n, 1_000_000_000n)).toBe(4n * PICOCENTS_PER_CENT);
  expect(cost(1_000_000_000n, 0n)).toBe(2_222_000_000n); // 0.002222 cents, of 0.0022222…
});

test("the smallest cap pays for the worst case of any call that there can be", () => {
  const terms = { capCents: DRILL_CAP_CENTS.min, calls: DRILL_CALLS.min };
  const budget = drillBudget(terms, { requestsPaid: 10n, version: firstVersion, now });
  const worst = { requests: 1n, cpuNs: 300_100_000_000n, egressBytes: 1_000_000n };
  expect(costCents(budget.weights, worst) <= budget.mostCents).toBe(true);
});

test("of a function that takes few calls a second, the cap pays for what can get through in time", () => {
  const paid = (requestsPerSecondMax: number) => requestsPaid({ calls: 2_000, capCents: 5n }, { requestsPerSecondMax });
  expect(paid(defaultLimits.free.requestsPerSecondMax)).toBe(500n);
  expect(paid(20)).toBe(75n);
  expect(paid(1)).toBe(3n);
});
