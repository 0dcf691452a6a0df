import fc from "fast-check";
import { expect, test } from "vitest";
import { testDatabase, type TestDatabase } from "#server/db/test-database.ts";
import { newId, type Id } from "#server/std/id.ts";
import { budgetState, setBudget } from "./budget.ts";
import { fenceEpoch, strandedEpochs } from "./epochs.ts";
import { beginEpoch, markDrained, markShipped, recordUsage } from "./ledger.ts";
import { takeLease } from "./lease.ts";
import { isSealed, sealHours } from "./seals.ts";
import { testClock, testOrganization, usageFact } from "./test-usage.ts";
import { sealsOf, verifyChain } from "./verify-chain.ts";

const at = (time: string) => Date.parse(`2026-11-24T${time}Z`);
const hourOf = (time: string) => new Date(at(time));

const sealsSeen = async ({ db }: TestDatabase, organizationId: Id<"organization">) =>
  (await sealsOf(db, organizationId)).map(
    (seal) => `${seal.hour_at.slice(11, 16)} #${seal.revision}: ${seal.requests}`,
  );

test("an hour is sealed once the clock and every life that is not drained are five minutes past its end", async () => {
  await using database = await testDatabase();
  const { db } = database;
  const organizationId = newId("organization");
  const [first, second] = [
    await beginEpoch(db, { node: "a", region: "test" }),
    await beginEpoch(db, { node: "b", region: "test" }),
  ];
  const clock = testClock("2026-11-24T11:30:00Z");
  await recordUsage(db, [
    usageFact({ epoch: first, organizationId, occurredAtMs: at("10:00:00.000") }),
    usageFact({ epoch: second, organizationId, occurredAtMs: at("10:59:59.999") }),
    usageFact({ epoch: first, organizationId, occurredAtMs: at("11:00:00.000") }),
  ]);
  await markShipped(db, first, hourOf("11:30:00"));
  await markShipped(db, second, hourOf("11:04:59"));
  expect(await sealHours({ db, clock })).toEqual({ sealed: 0, unequal: [] });
  const period = { organizationId, from: hourOf("10:00:00"), to: hourOf("11:00:00") };
  expect(await isSealed({ db, clock }, period)).toBe(false);
  await markShipped(db, second, hourOf("11:05:00"));
  expect(await sealHours({ db, clock })).toEqual({ sealed: 1, unequal: [] });
  expect(await sealHours({ db, clock })).toEqual({ sealed: 0, unequal: [] });
  expect(await sealsSeen(database, organizationId)).toEqual(["10:00 #1: 2"]);
  expect(await isSealed({ db, clock }, period)).toBe(true);
  clock.now = hourOf("12:05:00");
  await markShipped(db, first, hourOf("12:05:00"));
  await markDrained(db, second);
  await sealHours({ db, clock });
  expect(await sealsSeen(database, organizationId)).toEqual(["10:00 #1: 2", "11:00 #1: 1"]);
});

test("facts that come after an hour's seal make one further revision of it in ten minutes, with all of the hour in it", async () => {
  await using database = await testDatabase();
  const { db } = database;
  const organizationId = newId("organization");
  const clock = testClock("2026-11-24T12:00:00Z");
  const late = () =>
    recordUsage(db, [usageFact({ organizationId, occurredAtMs: at("10:30:00"), functionId: newId("function") })]);
  await late();
  await sealHours({ db, clock });
  await late();
  await late();
  clock.now = hourOf("12:09:59");
  expect(await sealHours({ db, clock })).toMatchObject({ sealed: 0 });
  clock.now = hourOf("12:10:00");
  expect(await sealHours({ db, clock })).toMatchObject({ sealed: 1 });
  expect(await sealsSeen(database, organizationId)).toEqual(["10:00 #1: 1", "10:00 #2: 3"]);
  expect(await verifyChain({ db, clock }, organizationId)).toEqual({
    kind: "whole",
    seals: 2,
    facts: 3n,
    hoursWithoutFacts: 0,
  });
});

test("what is free is under no seal, and CPU after an answer is", async () => {
  await using database = await testDatabase();
  const { db } = database;
  const organizationId = newId("organization");
  const clock = testClock("2026-11-24T12:00:00Z");
  const occurredAtMs = at("10:30:00");
  await recordUsage(db, [
    usageFact({ organizationId, occurredAtMs }),
    usageFact({ organizationId, occurredAtMs, kind: "after", status: null, requestId: null, egressBytes: 0 }),
    usageFact({ organizationId, occurredAtMs, kind: "unbilled", status: null }),
  ]);
  await sealHours({ db, clock });
  expect(await sealsOf(db, organizationId)).toMatchObject([
    { requests: "1", cpu_ns: "10000", egress_bytes: "12", facts: "2" },
  ]);
});

test("consoles that seal at once make each seal once, and whatever is recorded meanwhile ends under a seal", async () => {
  await using database = await testDatabase();
  const { db } = database;
  const organizations = Array.from({ length: 3 }, () => newId("organization"));
  const clock = testClock("2026-11-24T12:00:00Z");
  const record = async (worker: number) => {
    for (let round = 0; round < 30; round += 1) {
      const facts = organizations.map((organizationId) =>
        usageFact({ organizationId, functionId: `fn_${worker}_${round % 4}`, occurredAtMs: at(`0${round % 3}:15:00`) }),
      );
      await recordUsage(db, facts);
    }
  };
  const recording = Promise.all([record(0), record(1), record(2)]);
  const seal = async () => {
    for (let turn = 0; turn < 12; turn += 1) {
      clock.now = new Date(clock.now.getTime() + 10 * 60_000);
      await sealHours({ db, clock });
    }
  };
  await Promise.all([recording, seal(), seal()]);
  clock.now = new Date(clock.now.getTime() + 10 * 60_000);
  await sealHours({ db, clock });
  for (const organizationId of organizations) {
    expect(await verifyChain({ db, clock }, organizationId)).toMatchObject({ kind: "whole", facts: 90n });
  }
}, 120_000);

test("an hour whose counters are not the sum of its facts is not sealed but told, and the others are sealed", async () => {
  await using database = await testDatabase();
  const { db } = database;
  const [right, wrong] = [newId("organization"), newId("organization")];
  const clock = testClock("2026-11-24T12:00:00Z");
  await recordUsage(
    db,
    [right, wrong].map((organizationId) => usageFact({ organizationId, occurredAtMs: at("10:30:00") })),
  );
  await db.usageHour.updateMany({ where: { organizationId: wrong }, data: { cpuNs: 5001n } });
  expect(await sealHours({ db, clock })).toEqual({
    sealed: 1,
    unequal: [{ organizationId: wrong, hourAt: hourOf("10:00:00") }],
  });
  expect(await sealsSeen(database, wrong)).toEqual([]);
});

test("a chain in which any single digit of any seal or any fact was changed is not whole", async () => {
  await using database = await testDatabase();
  const { db } = database;
  const organizationId = newId("organization");
  const clock = testClock("2026-11-24T15:00:00Z");
  for (const hour of ["10", "11", "12"]) {
    const facts = Array.from({ length: 4 }, (_, index) =>
      usageFact({ organizationId, functionId: `fn_${index % 2}`, occurredAtMs: at(`${hour}:3${index}:00.123`) }),
    );
    await recordUsage(db, facts);
  }
  await sealHours({ db, clock });
  await recordUsage(db, [usageFact({ organizationId, occurredAtMs: at("10:50:00") })]);
  clock.now = hourOf("15:10:00");
  await sealHours({ db, clock });
  expect(await verifyChain({ db, clock }, organizationId)).toMatchObject({ kind: "whole", seals: 4, facts: 13n });

  const tables = {
    usage_event: [
      "epoch",
      "seq",
      "function_id",
      "version_id",
      "request_id",
      "occurred_at",
      "status",
      "cpu_ns",
      "egress_bytes",
    ],
    usage_seal: [
      "number",
      "hour_at",
      "revision",
      "requests",
      "cpu_ns",
      "egress_bytes",
      "facts",
      "facts_digest",
      "sealed_at",
      "previous_hash",
      "hash",
    ],
  } as const;
  const places = Object.entries(tables).flatMap(([table, columns]) => columns.map((column) => ({ table, column })));
  let changes = 0;
  for (const table of Object.keys(tables)) await db.$executeRawUnsafe(`CREATE TABLE ${table}_true AS TABLE ${table}`);
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...places),
      fc.nat(),
      fc.nat(),
      fc.integer({ min: 1, max: 9 }),
      async ({ table, column }, row, digit, by) => {
        if (!(await changeDigit(database, { table, column, row, digit, by }))) return;
        changes += 1;
        expect(await verifyChain({ db, clock }, organizationId)).toMatchObject({ kind: "broken" });
        await db.$executeRawUnsafe(`DELETE FROM ${table}`);
        await db.$executeRawUnsafe(`INSERT INTO ${table} SELECT * FROM ${table}_true`);
      },
    ),
    { numRuns: 150 },
  );
  expect(changes).toBeGreaterThan(75);
  expect(await verifyChain({ db, clock }, organizationId)).toMatchObject({ kind: "whole" });
}, 120_000);

/** Changes one digit of one value as text; false where the text would be no such value any more ("13" of a month), or nothing changes. */
async function changeDigit(
  { db }: TestDatabase,
  of: { table: string; column: string; row: number; digit: number; by: number },
): Promise<boolean> {
  const { table, column, row, digit, by } = of;
  const place = "ctid::text || tableoid::regclass";
  const rows = await db.$queryRawUnsafe<{ place: string; text: string; type: string }[]>(
    `SELECT ${place} AS place, ${column}::text AS text, pg_typeof(${column})::text AS type FROM ${table} ORDER BY 1`,
  );
  const chosen = rows[row % rows.length];
  const digits = [...(chosen?.text ?? "").matchAll(/\d/g)];
  const found = digits[digit % digits.length];
  if (!chosen || !found) return false;
  const { text, type } = chosen;
  const changed = `${text.slice(0, found.index)}${(Number(found[0]) + by) % 10}${text.slice(found.index + 1)}`;
  const update = `UPDATE ${table} SET ${column} = '${changed}'::${type} WHERE ${place} = '${chosen.place}' AND ${column} <> '${changed}'::${type}`;
  return (await db.$executeRawUnsafe(update).catch(() => 0)) > 0;
}

test("a life that died with its journal holds up the closing of hours until an operator fences it", async () => {
  await using database = await testDatabase();
  const { db } = database;
  const organizationId = await testOrganization(database);
  const clock = testClock("2026-11-24T12:00:00Z");
  const epoch = await beginEpoch(db, { node: "gone", region: "test" });
  await markShipped(db, epoch, hourOf("10:10:00"));
  const period = { from: new Date("2026-11-01T00:00:00Z"), to: new Date("2026-12-01T00:00:00Z") };
  const meter = { included: 1_000_000n, price: "1", per: 1n };
  const weights = { requests: meter, cpuNs: meter, egressBytes: meter };
  await db.$transaction((tx) => setBudget(tx, organizationId, { period, mostCents: 0n, weights }));
  const one = { requests: 10n, cpuNs: 100_000n, egressBytes: 1000n };
  const ask = { organizationId, epoch, want: one, least: one };
  await takeLease(db, ask, clock.now);
  await recordUsage(db, [usageFact({ organizationId, epoch, occurredAtMs: at("10:05:00") })]);
  expect(await sealHours({ db, clock })).toMatchObject({ sealed: 0 });
  expect(await strandedEpochs({ db, clock })).toMatchObject([{ epoch, node: "gone", shippedAt: hourOf("10:10:00") }]);

  await fenceEpoch({ db, clock }, epoch);
  expect(await strandedEpochs({ db, clock })).toEqual([]);
  expect(await sealHours({ db, clock })).toMatchObject({ sealed: 1 });
  await expect(fenceEpoch({ db, clock }, epoch)).rejects.toMatchObject({ code: "conflict" });
  expect(await takeLease(db, ask, clock.now)).toMatchObject({ kind: "refused", because: "epoch_over" });
  // What it used of its lease nobody knows: it stays reserved while the month lasts.
  expect(await budgetState(db, organizationId)).toMatchObject({ used: { requests: 1n }, leased: { requests: 9n } });
  await recordUsage(db, [usageFact({ organizationId, epoch, occurredAtMs: at("10:06:00") })]);
  expect(await budgetState(db, organizationId)).toMatchObject({ used: { requests: 2n }, leased: { requests: 8n } });
  const living = await beginEpoch(db, { node: "b", region: "test" });
  await takeLease(db, { ...ask, epoch: living }, period.to);
  expect(await budgetState(db, organizationId)).toMatchObject({ used: { requests: 0n }, leased: { requests: 10n } });
});

test("a fenced life's journal that turns up frees what it did not use", async () => {
  await using database = await testDatabase();
  const { db } = database;
  const organizationId = await testOrganization(database);
  const clock = testClock("2026-11-24T12:00:00Z");
  const epoch = await beginEpoch(db, { node: "gone", region: "test" });
  const period = { from: new Date("2026-11-01T00:00:00Z"), to: new Date("2026-12-01T00:00:00Z") };
  const meter = { included: 100n, price: "1", per: 1n };
  const weights = { requests: meter, cpuNs: meter, egressBytes: meter };
  await db.$transaction((tx) => setBudget(tx, organizationId, { period, mostCents: 0n, weights }));
  const one = { requests: 10n, cpuNs: 0n, egressBytes: 0n };
  await takeLease(db, { organizationId, epoch, want: one, least: one }, clock.now);
  await fenceEpoch({ db, clock }, epoch);
  await markDrained(db, epoch);
  expect((await budgetState(db, organizationId)).leased).toEqual({ requests: 0n, cpuNs: 0n, egressBytes: 0n });
});
