import { expect, test } from "vitest";
import { testDatabase, type TestDatabase } from "#server/db/test-database.ts";
import { budgetState } from "#server/metering/budget.ts";
import { parseCents } from "#server/std/money.ts";
import type { Id } from "#server/std/id.ts";
import { keepBudgets } from "./budget-keeper.ts";
import { noPayments } from "./no-payments.ts";
import { firstVersion } from "./price-book.ts";
import { addPriceVersion } from "./price-versions.ts";
import { stoppedBecause } from "./stopped-because.ts";
import { testClock, testOrganization, useHour } from "./test-organization.ts";

const createdAt = "2026-11-03T09:12:00Z";
const november = "2026-11-24T10:30:00Z";
const budgetOf = async ({ db }: TestDatabase, id: Id<"organization">) => (await budgetState(db, id)).budget;

test("an organization without a budget gets one, and then there is nothing to do until something begins", async () => {
  await using database = await testDatabase();
  const tools = { db: database.db, clock: testClock(november) };
  const first = await testOrganization(database.db, { plan: "free", createdAt });
  expect(await keepBudgets(tools)).toBe(1);
  expect(await keepBudgets(tools)).toBe(0);
  const second = await testOrganization(database.db, { plan: "pro", createdAt });
  expect(await keepBudgets(tools)).toBe(1);
  expect(await budgetOf(database, first)).toMatchObject({ mostCents: 0n });
  expect(await budgetOf(database, second)).toMatchObject({ mostCents: 2_000n });
  tools.clock.at = "2026-11-30T23:59:59Z";
  expect(await keepBudgets(tools)).toBe(0);
});

test("with a new month everybody's budget is of that month, and a plan that was to end has ended", async () => {
  await using database = await testDatabase();
  const { db } = database;
  const tools = { db, clock: testClock(november) };
  const stays = await testOrganization(db, { plan: "pro", createdAt });
  const leaves = await testOrganization(db, { plan: "pro", createdAt });
  await noPayments(tools).changePlan(leaves, "free", "");
  await keepBudgets(tools);
  expect(await budgetOf(database, leaves)).toMatchObject({ mostCents: 2_000n });
  tools.clock.at = "2026-12-01T00:00:00Z";
  expect(await keepBudgets(tools)).toBe(2);
  const period = { from: new Date("2026-12-01T00:00:00Z"), to: new Date("2027-01-01T00:00:00Z") };
  expect(await budgetOf(database, stays)).toMatchObject({ period, mostCents: 2_000n });
  expect(await budgetOf(database, leaves)).toMatchObject({ period, mostCents: 0n });
  const { plan } = await db.organization.findUniqueOrThrow({ where: { id: leaves }, select: { plan: true } });
  expect(plan).toBe("free");
});

test("when a price version begins, all budgets are weighed by it", async () => {
  await using database = await testDatabase();
  const tools = { db: database.db, clock: testClock(november) };
  const organizationId = await testOrganization(database.db, { plan: "pro", createdAt });
  await keepBudgets(tools);
  const { free, pro } = firstVersion.plans;
  const requests = { ...pro.meters.requests, price: parseCents("45") };
  const plans = { free, pro: { ...pro, meters: { ...pro.meters, requests } } };
  await addPriceVersion(tools, { userId: "usr_ada", effectiveAt: new Date("2026-11-24T11:00:00Z"), plans });
  expect(await keepBudgets(tools)).toBe(0);
  tools.clock.at = "2026-11-24T11:00:01Z";
  expect(await keepBudgets(tools)).toBe(1);
  expect(await budgetOf(database, organizationId)).toMatchObject({ weights: { requests: { price: "45" } } });
});

test("a minute before a price version begins the worse of two prices holds, and a minute after it what was late is at its own", async () => {
  await using database = await testDatabase();
  const tools = { db: database.db, clock: testClock(november) };
  const organizationId = await testOrganization(database.db, { plan: "pro", createdAt });
  await keepBudgets(tools);
  const { free, pro } = firstVersion.plans;
  const requests = { ...pro.meters.requests, price: parseCents("100"), per: pro.meters.requests.per, included: 0n };
  const plans = { free, pro: { ...pro, meters: { ...pro.meters, requests } } };
  await addPriceVersion(tools, { userId: "usr_ada", effectiveAt: new Date("2026-11-24T11:00:00Z"), plans });
  tools.clock.at = "2026-11-24T10:58:59Z";
  expect(await keepBudgets(tools)).toBe(0);
  tools.clock.at = "2026-11-24T10:59:01Z";
  expect(await keepBudgets(tools)).toBe(1);
  const dearer = { requests: { price: "100", included: 0n } };
  expect(await budgetOf(database, organizationId)).toMatchObject({ mostCents: 1_996n, weights: dearer });
  tools.clock.at = "2026-11-24T11:00:01Z";
  expect(await keepBudgets(tools)).toBe(1);
  expect(await budgetOf(database, organizationId)).toMatchObject({ mostCents: 2_000n, weights: dearer });
  await useHour(database.db, { organizationId, hourAt: "2026-11-24T10:00:00Z", requests: 7n });
  expect(await keepBudgets(tools)).toBe(0);
  tools.clock.at = "2026-11-24T11:01:01Z";
  expect(await keepBudgets(tools)).toBe(1);
  const late = { requests: { price: "100", included: 7n } };
  expect(await budgetOf(database, organizationId)).toMatchObject({ mostCents: 2_000n, weights: late });
});

test("consoles that look at the same time leave one budget, and more organizations than one batch are all kept", async () => {
  await using database = await testDatabase();
  const tools = { db: database.db, clock: testClock(november) };
  for (let made = 0; made < 205; made += 1) await testOrganization(database.db, { plan: "free", createdAt });
  await Promise.all([keepBudgets(tools), keepBudgets(tools)]);
  const without = await database.db.allowance.count({ where: { periodTo: null } });
  expect([await database.db.allowance.count(), without]).toEqual([205, 0]);
});

test("a budget that is used up is told in the words that callers read", async () => {
  await using database = await testDatabase();
  const { db } = database;
  const tools = { db, clock: testClock(november) };
  const id = await testOrganization(db, { plan: "free", createdAt });
  await keepBudgets(tools);
  expect(await stoppedBecause(db, id)).toBeNull();
  await db.allowance.update({
    where: { organizationId: id },
    data: { requestsUsed: 1_000_000n, requestsRefused: 1n, cpuNsRefused: 0n, egressBytesRefused: 0n },
    select: { organizationId: true },
  });
  expect(await stoppedBecause(db, id)).toMatch(
    /^The 1,000,000 requests .* in November 2026 are used up\. .* 1 December 2026/,
  );
});
