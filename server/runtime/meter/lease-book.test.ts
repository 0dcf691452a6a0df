import { afterAll, beforeAll, expect, test } from "vitest";
import { testDatabase, type TestDatabase } from "#server/db/test-database.ts";
import { budgetState, costCents, setBudget, type Budget } from "#server/metering/budget.ts";
import { beginEpoch } from "#server/metering/ledger.ts";
import { monthStart, nextMonthStart } from "#server/std/clock.ts";
import { asId, newId, type Id } from "#server/std/id.ts";
import { createLog } from "#server/std/log.ts";
import { eventually } from "#server/runtime/test-runtime.ts";
import { LeaseBook } from "./lease-book.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database[Symbol.asyncDispose]());

async function organizationWith(mostCents: bigint): Promise<Id<"organization">> {
  const id = newId("organization");
  const { db } = database;
  await db.organization.create({ data: { id, slug: id.replace("_", "-"), name: "Acme" }, select: { id: true } });
  const now = new Date();
  const budget: Budget = {
    period: { from: monthStart(now), to: nextMonthStart(now) },
    mostCents,
    weights: {
      requests: { included: 0n, price: "1", per: 1n },
      cpuNs: { included: 0n, price: "1", per: 1_000_000_000n },
      egressBytes: { included: 0n, price: "1", per: 1_000_000n },
    },
  };
  await db.$transaction((tx) => setBudget(tx, id, budget));
  return asId("organization", id);
}

async function openBook(): Promise<LeaseBook> {
  const { db } = database;
  return new LeaseBook(db, await beginEpoch(db, { node: "test", region: "local" }), createLog("test", "warn"));
}

const none = { requests: 0n, cpuNs: 0n, egressBytes: 0n };

test("a runtime that is idle gives back what it holds of a budget that runs out, so that others find it", async () => {
  const { db } = database;
  const book = await openBook();
  const id = await organizationWith(100n);
  expect(await book.ensure(id, { requests: 1, cpuNs: 10e9, egressBytes: 10e6 })).toEqual({ kind: "granted" });
  expect((await budgetState(db, id)).leased).not.toEqual(none);
  const { leased } = await eventually(
    () => budgetState(db, id),
    ({ leased }) => leased.requests + leased.cpuNs + leased.egressBytes === 0n,
    20_000,
  );
  expect(leased).toEqual(none);
  await book.close();
});

test("what is held when a cap is lowered or a price raised is given back, and counts under the new budget from then on", async () => {
  const { db } = database;
  const book = await openBook();
  const id = await organizationWith(1_000n);
  expect(await book.ensure(id, { requests: 1, cpuNs: 0, egressBytes: 0 })).toEqual({ kind: "granted" });
  const { budget, leased } = await budgetState(db, id);
  if (!budget) throw new Error("it has a budget");
  expect(leased.requests).toBeGreaterThan(5n);
  await db.$transaction((tx) => setBudget(tx, id, { ...budget, mostCents: 5n }));
  await book.changed(id);
  expect((await budgetState(db, id)).leased).toEqual(none);
  expect(await book.ensure(id, { requests: 6, cpuNs: 0, egressBytes: 0 })).toMatchObject({ kind: "refused" });
  await book.close();
});

test("what is held as egress is given back where it is missing as CPU time, and nobody waits for others that hold nothing", async () => {
  const { db } = database;
  const book = await openBook();
  const id = await organizationWith(100n);
  expect(await book.ensure(id, { requests: 1, cpuNs: 0, egressBytes: 70e6 })).toEqual({ kind: "granted" });
  const askedAt = performance.now();
  expect(await book.ensure(id, { requests: 1, cpuNs: 80e9, egressBytes: 0 })).toEqual({ kind: "granted" });
  expect(performance.now() - askedAt).toBeLessThan(2_500);
  const { budget, leased } = await budgetState(db, id);
  expect(budget && costCents(budget.weights, leased)).toBeLessThanOrEqual(100n);
  await book.close();
  expect((await budgetState(db, id)).leased).toEqual(none);
});

test("what a call has reserved already is never given back for another; one waits for it in vain, and those that come next are told at once", async () => {
  const book = await openBook();
  const id = await organizationWith(100n);
  await book.ensure(id, { requests: 1, cpuNs: 0, egressBytes: 70e6 });
  expect(book.account(id).reserve({ requests: 1, cpuNs: 0, egressBytes: 70e6 })).toBe(true);
  const refused = await book.ensure(id, { requests: 1, cpuNs: 80e9, egressBytes: 0 });
  expect(refused).toMatchObject({ kind: "refused", isReserved: true });
  const askedAt = performance.now();
  expect(await book.ensure(id, { requests: 1, cpuNs: 80e9, egressBytes: 0 })).toEqual(refused);
  expect(performance.now() - askedAt).toBeLessThan(500);
  const { leased } = await budgetState(database.db, id);
  expect(leased.egressBytes).toBeGreaterThanOrEqual(70_000_000n);
  await book.close();
});
