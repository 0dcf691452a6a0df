import { expect, test } from "vitest";
import { testDatabase, type TestDatabase } from "#server/db/test-database.ts";
import { newId } from "#server/std/id.ts";
import { keepLedgerMonths } from "./ledger-months.ts";
import { recordUsage } from "./ledger.ts";
import { sealHours } from "./seals.ts";
import { testClock, usageFact } from "./test-usage.ts";
import { verifyChain } from "./verify-chain.ts";

const factsByPartition = ({ db }: TestDatabase) =>
  db.$queryRaw<{ partition: string; facts: number }[]>`
    SELECT tableoid::regclass::text AS partition, count(*)::int AS facts FROM usage_event GROUP BY 1 ORDER BY 1`;

test("months are made ahead, facts that had none move to theirs, and a batch shipped again still counts once", async () => {
  await using database = await testDatabase();
  const { db } = database;
  const organizationId = newId("organization");
  const clock = testClock("2026-11-30T23:59:00Z");
  const batch = ["2026-09-30T23:59:59.999Z", "2026-11-30T23:59:59.999Z", "2026-12-01T00:00:00.000Z"].map((time) =>
    usageFact({ organizationId, occurredAtMs: Date.parse(time) }),
  );
  await recordUsage(db, batch);
  expect(await factsByPartition(database)).toEqual([{ partition: "usage_event_rest", facts: 3 }]);
  const months = ["09", "11", "12"].map((month) => `usage_event_month_2026${month}`);
  expect(await keepLedgerMonths({ db, clock })).toEqual({ made: [...months, "usage_event_month_202701"], dropped: [] });
  expect(await keepLedgerMonths({ db, clock })).toEqual({ made: [], dropped: [] });
  expect(await factsByPartition(database)).toEqual(months.map((partition) => ({ partition, facts: 1 })));
  expect(await recordUsage(db, batch)).toBe(0);
});

test("facts go after thirteen whole months, once all of their month is under seals, and the chain stays whole without them", async () => {
  await using database = await testDatabase();
  const { db } = database;
  const organizationId = newId("organization");
  const clock = testClock("2026-11-24T12:00:00Z");
  const record = (time: string) => recordUsage(db, [usageFact({ organizationId, occurredAtMs: Date.parse(time) })]);
  await record("2026-11-24T10:00:00Z");
  await record("2026-12-24T10:00:00Z");
  await keepLedgerMonths({ db, clock });
  clock.now = new Date("2027-12-31T23:59:59Z");
  expect((await keepLedgerMonths({ db, clock })).dropped).toEqual([]);
  clock.now = new Date("2028-01-01T00:00:00Z");
  expect((await keepLedgerMonths({ db, clock })).dropped).toEqual([]);
  await sealHours({ db, clock });
  expect((await keepLedgerMonths({ db, clock })).dropped).toEqual(["usage_event_month_202611"]);
  expect(await verifyChain({ db, clock }, organizationId)).toEqual({
    kind: "whole",
    seals: 2,
    facts: 1n,
    hoursWithoutFacts: 1,
  });
});

test("consoles that make months at once make each once, while usage is recorded", async () => {
  await using database = await testDatabase();
  const { db } = database;
  const organizationId = newId("organization");
  const clock = testClock("2026-11-24T12:00:00Z");
  const record = async () => {
    for (let round = 0; round < 20; round += 1) {
      await recordUsage(db, [usageFact({ organizationId, occurredAtMs: clock.nowMs() + round * 1000 })]);
    }
  };
  await Promise.all([record(), record(), keepLedgerMonths({ db, clock }), keepLedgerMonths({ db, clock })]);
  await keepLedgerMonths({ db, clock });
  expect(await factsByPartition(database)).toEqual([{ partition: "usage_event_month_202611", facts: 40 }]);
});
