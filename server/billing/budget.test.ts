import fc from "fast-check";
import { expect, test } from "vitest";
import { testDatabase } from "#server/db/test-database.ts";
import type { PlanName } from "#server/db/generated/enums.ts";
import { budgetState, costCents } from "#server/metering/budget.ts";
import { parseCents } from "#server/std/money.ts";
import { budgetOf, refreshBudget } from "./budget.ts";
import { noPayments } from "./no-payments.ts";
import { firstVersion, MILLION_REQUESTS, type PriceVersion } from "./price-book.ts";
import { addPriceVersion } from "./price-versions.ts";
import { rateUsage, totalCents, type Quantities, type UsedStretch } from "./rating.ts";
import { setCap, setPause, setUnpaid, type SpendingRule } from "./spending-rule.ts";
import { testClock, testOrganization, useHour } from "./test-organization.ts";

const rule = { capCents: 2_000n, alertShares: [], pausedBecause: null, unpaidBecause: null } satisfies SpendingRule;
const days = (day: number) => new Date(Date.UTC(2026, 10, day));

function version(number: number, price: { cents: string; included: bigint }): PriceVersion {
  const { free, pro } = firstVersion.plans;
  const requests = { ...pro.meters.requests, price: parseCents(price.cents), included: price.included };
  const cpu = { ...pro.meters.cpu, price: parseCents(price.cents) };
  return {
    ...firstVersion,
    version: number,
    plans: { free, pro: { ...pro, meters: { ...pro.meters, requests, cpu } } },
  };
}

const metered = (used: Quantities) => ({ requests: used.requests, cpuNs: used.cpu, egressBytes: used.egress });
const amount = fc.bigInt({ min: 0n, max: 20n * MILLION_REQUESTS });
const usage = fc.record({
  requests: amount,
  cpu: fc.bigInt({ min: 0n, max: 10n ** 15n }),
  egress: fc.bigInt({ min: 0n, max: 10n ** 12n }),
  storage: fc.constant(0n),
});
const price = fc.record({ cents: fc.integer({ min: 0, max: 100 }).map(String), included: amount });
const part = fc.record({ plan: fc.constantFrom<PlanName>("free", "pro"), version: fc.nat({ max: 2 }), used: usage });

/** Days 1, 2, 3 … of the month, one stretch each, ending on Pro; the last one runs. */
function monthOf(
  parts: { plan: PlanName; version: number; used: Quantities }[],
  prices: { cents: string; included: bigint }[],
) {
  const book = prices.map((each, index) => version(index, each));
  const ordered = parts.toSorted((a, b) => a.version - b.version);
  return ordered.map((each, index): UsedStretch => ({
    from: days(index + 1),
    to: days(index + 2),
    plan: index === ordered.length - 1 ? "pro" : each.plan,
    version: book[each.version] ?? firstVersion,
    isOwed: true,
    used: each.used,
  }));
}

function plus(one: Quantities, other: Quantities): Quantities {
  return {
    requests: one.requests + other.requests,
    cpu: one.cpu + other.cpu,
    egress: one.egress + other.egress,
    storage: one.storage + other.storage,
  };
}

test("what metering lets through is what the invoice's lines will come to, whatever the plans and prices of the month so far", () => {
  const months = fc.array(part, { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(months, fc.array(price, { minLength: 3, maxLength: 3 }), usage, (parts, prices, more) => {
      const month = monthOf(parts, prices);
      const now = month.at(-1)?.from ?? days(1);
      const budget = budgetOf(month, { ...rule, capCents: 10n ** 12n }, now);
      const last = month.length - 1;
      const later = month.map((each, index) =>
        index === last
          ? {
              ...each,
              used: { ...each.used, requests: each.used.requests + more.requests, cpu: each.used.cpu + more.cpu },
            }
          : each,
      );
      const total = { requests: 0n, cpu: 0n, egress: 0n, storage: 0n };
      for (const { used } of later)
        for (const meter of ["requests", "cpu", "egress"] as const) total[meter] += used[meter];
      const earlier = 10n ** 12n - budget.mostCents;
      expect(earlier + costCents(budget.weights, metered(total))).toBe(totalCents(rateUsage(later)));
    }),
    { numRuns: 500 },
  );
});

test("shortly before prices change, what is let through stays below the cap whenever it is used, before the change or after", () => {
  const history = fc.record({
    parts: fc.array(part, { minLength: 2, maxLength: 5 }),
    prices: fc.array(price, { minLength: 3, maxLength: 3 }),
  });
  const cap = fc.bigInt({ min: 0n, max: 20_000n });
  fc.assert(
    fc.property(history, usage, usage, cap, ({ parts, prices }, more, then, capLeft) => {
      const month = monthOf(parts, prices).map((each) => ({ ...each, plan: "pro" as const }));
      const [current, next] = month.slice(-2);
      if (!next || !current || next.version === current.version) return;
      next.used = { requests: 0n, cpu: 0n, egress: 0n, storage: 0n };
      const capCents = totalCents(rateUsage(month)) + capLeft;
      const budget = budgetOf(month, { ...rule, capCents }, new Date(next.from.getTime() - 30_000));
      const total = [...month, { used: more }, { used: then }].map(({ used }) => used).reduce(plus);
      if (costCents(budget.weights, metered(total)) > budget.mostCents) return;
      const later = [...month.slice(0, -2), { ...current, used: plus(current.used, more) }, { ...next, used: then }];
      expect(totalCents(rateUsage(later))).toBeLessThanOrEqual(capCents);
    }),
    { numRuns: 2_000 },
  );
});

test("shortly before prices change, the halves of cents that two lines may round up are off the cap", () => {
  const [now, then] = [version(1, { cents: "30", included: 0n }), version(2, { cents: "30", included: 0n })];
  const none = { requests: 0n, cpu: 0n, egress: 0n, storage: 0n };
  const stretch = { plan: "pro", isOwed: true } as const;
  // 0.48 of a cent so far, which rounds to nothing; with 0.03 more it is a cent.
  const used = { ...none, requests: 16_000n };
  const month: UsedStretch[] = [
    { ...stretch, from: days(1), to: days(2), version: now, used },
    { ...stretch, from: days(2), to: days(3), version: then, used: none },
  ];
  const { weights, mostCents } = budgetOf(month, { ...rule, capCents: 4n }, new Date(days(2).getTime() - 30_000));
  expect(costCents(weights, { requests: 17_000n, cpuNs: 0n, egressBytes: 0n })).toBe(0n);
  expect(mostCents).toBe(0n);
});

test("on a plan that stops, the first unit past what is included costs more than the budget of nothing", () => {
  const used = { requests: 0n, cpu: 0n, egress: 0n, storage: 0n };
  const month = [{ from: days(1), to: days(31), plan: "free", version: firstVersion, isOwed: true, used } as const];
  const { weights, mostCents } = budgetOf(month, rule, days(2));
  const { requests, cpu, egress } = firstVersion.plans.free.meters;
  const full = { requests: requests.included, cpuNs: cpu.included, egressBytes: egress.included };
  expect(mostCents).toBe(0n);
  expect(costCents(weights, full)).toBe(0n);
  for (const meter of ["requests", "cpuNs", "egressBytes"] as const)
    expect(costCents(weights, { ...full, [meter]: full[meter] + 1n }) > mostCents).toBe(true);
});

test("choosing a plan and setting a cap put the budget in force in the same transaction", async () => {
  await using database = await testDatabase();
  const tools = { db: database.db, clock: testClock("2026-11-24T10:30:00Z") };
  const id = await testOrganization(database.db, { plan: "free", createdAt: "2026-11-03T09:12:00Z" });
  await database.db.$transaction((tx) => refreshBudget(tx, { organizationId: id, now: days(24) }));
  expect((await budgetState(database.db, id)).budget).toMatchObject({ mostCents: 0n });
  await noPayments(tools).changePlan(id, "pro", "");
  expect((await budgetState(database.db, id)).budget).toMatchObject({
    period: { from: days(1), to: new Date("2026-12-01T00:00:00Z") },
    mostCents: 2_000n,
    weights: { requests: { included: 5n * MILLION_REQUESTS, price: "30", per: MILLION_REQUESTS } },
  });
  await setCap(tools, { organizationId: id, userId: "usr_ada", capCents: 100n });
  expect((await budgetState(database.db, id)).budget).toMatchObject({ mostCents: 100n });
});

test("what an earlier price version's hours cost is off the cap", async () => {
  await using database = await testDatabase();
  const tools = { db: database.db, clock: testClock("2026-11-24T10:30:00Z") };
  const organizationId = await testOrganization(database.db, { plan: "pro", createdAt: "2026-11-03T09:12:00Z" });
  await useHour(database.db, { organizationId, hourAt: "2026-11-20T08:00:00Z", requests: 7n * MILLION_REQUESTS });
  const plans = version(2, { cents: "60", included: 5n * MILLION_REQUESTS }).plans;
  await addPriceVersion(tools, { userId: "usr_ada", effectiveAt: new Date("2026-11-24T11:00:00Z"), plans });
  tools.clock.at = "2026-11-24T11:00:00Z";
  await setCap(tools, { organizationId, userId: "usr_ada", capCents: 100n });
  expect((await budgetState(database.db, organizationId)).budget).toMatchObject({
    mostCents: 40n, // 60 cents of the dollar went for two million requests at the old price
    weights: { requests: { included: 7n * MILLION_REQUESTS, price: "60", per: MILLION_REQUESTS } },
  });
});

test("a pause outlasts a payment, and what is unpaid outlasts a release", async () => {
  await using database = await testDatabase();
  const { db } = database;
  const organizationId = await testOrganization(db, { plan: "pro", createdAt: "2026-11-03T09:12:00Z" });
  const change = { organizationId, userId: "usr_ada" } as const;
  const verdict = async () => (await budgetState(db, organizationId)).verdict;
  const unpaid = (unpaidBecause: string | null) =>
    db.$transaction((tx) => setUnpaid(tx, { organizationId, unpaidBecause }));
  await setPause({ db }, { ...change, pausedBecause: "The owner asked for it." });
  await unpaid("SLU-2026-000001 is overdue.");
  expect(await verdict()).toEqual({ state: "stopped", reason: "The owner asked for it." });
  await setPause({ db }, { ...change, pausedBecause: null });
  expect(await verdict()).toEqual({ state: "stopped", reason: "SLU-2026-000001 is overdue." });
  await unpaid(null);
  expect(await verdict()).toEqual({ state: "open" });
});
