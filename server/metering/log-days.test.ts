import { afterAll, beforeAll, expect, test } from "vitest";
import { connect } from "#server/db/client.ts";
import { testDatabase, type TestDatabase } from "#server/db/test-database.ts";
import { DAY_MS } from "#server/std/clock.ts";
import { databaseNow, keepLogDays, logDays, makeLogDays, partitionOf } from "./log-days.ts";
import { recordLogs, type LogFact } from "./logs.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database[Symbol.asyncDispose]());

let seq = 0n;
function lineAt(atMs: number, message: string): LogFact {
  seq += 1n;
  return {
    epoch: 1n,
    seq,
    organizationId: "org_1",
    functionId: "fn_1",
    versionId: "ver_1",
    requestId: null,
    atMs,
    level: "log",
    message,
  };
}

const daysFrom = (now: Date, ...days: number[]) =>
  days.map((day) => partitionOf(new Date(now.getTime() + day * DAY_MS)));
const messages = async () =>
  (await database.db.logLine.findMany({ orderBy: { at: "asc" }, select: { message: true } })).map((row) => row.message);

test("today, tomorrow and the day after have their partitions ahead of any line", async () => {
  const now = await databaseNow(database.db);
  expect(await logDays(database.db)).toEqual([]);
  expect(await keepLogDays(database.db, now)).toEqual([]);
  expect(await logDays(database.db)).toEqual(daysFrom(now, 0, 1, 2));
  const { count } = await database.db.logLine.createMany({
    data: [0, 1, 2].map((day) => {
      const { atMs, ...line } = lineAt(now.getTime() + day * DAY_MS, "ahead");
      return { ...line, at: new Date(atMs) };
    }),
  });
  expect(count).toBe(3);
  await database.db.logLine.deleteMany();
});

test("a line whose day has no partition gets one, and a line sent twice is there once", async () => {
  const nowMs = (await databaseNow(database.db)).getTime();
  const lines = [lineAt(nowMs - DAY_MS, "yesterday"), lineAt(nowMs, "today")];
  await recordLogs(database.db, lines);
  await recordLogs(database.db, lines);
  expect(await messages()).toEqual(["yesterday", "today"]);
  await database.db.logLine.deleteMany();
});

test("lines of a node whose clock is wrong by a month are kept, and don't outlive the others by more than days", async () => {
  const now = await databaseNow(database.db);
  await recordLogs(database.db, [
    lineAt(now.getTime() - 30 * DAY_MS, "far behind"),
    lineAt(now.getTime() + 30 * DAY_MS, "far ahead"),
  ]);
  expect(await messages()).toEqual(["far behind", "far ahead"]);
  expect(await keepLogDays(database.db, now)).toEqual([]);
  expect(await messages()).toEqual(["far behind", "far ahead"]);
  await database.db.logLine.deleteMany();
});

test("after seven days a day is gone as a whole, by being dropped; those that follow stay", async () => {
  const now = await databaseNow(database.db);
  await recordLogs(database.db, [lineAt(now.getTime(), "kept for seven days"), lineAt(now.getTime() + DAY_MS, "next")]);
  const daysBefore = await logDays(database.db);
  const after = (days: number) => new Date(now.getTime() + days * DAY_MS);
  expect(await keepLogDays(database.db, after(7))).not.toContain(partitionOf(now));
  expect(await messages()).toContain("kept for seven days");
  expect(await keepLogDays(database.db, after(8))).toEqual(daysFrom(now, 0));
  expect(await messages()).toEqual(["next"]);
  expect(await logDays(database.db)).toEqual(daysFrom(now, 1, 2, 7, 8, 9, 10));
  expect(daysBefore).toContain(partitionOf(now));
});

test("several runtimes may make and drop days at once, while lines are written", async () => {
  const now = new Date((await databaseNow(database.db)).getTime() + 40 * DAY_MS);
  const runtimes = Array.from({ length: 4 }, () => connect(database.url, { connectionsMax: 2 }));
  const over = new AbortController();
  const writing = (async () => {
    for (let batch = 0; !over.signal.aborted; batch += 1)
      await recordLogs(database.db, [lineAt(Date.now(), `batch ${batch}`)]);
  })();
  for (let day = 0; day < 5; day += 1) {
    const at = new Date(now.getTime() + day * DAY_MS);
    await Promise.all(runtimes.map((db) => keepLogDays(db, at)));
    expect((await logDays(database.db)).slice(-3)).toEqual(daysFrom(at, 0, 1, 2));
    await makeLogDays(database.db, { from: new Date(), days: 1 });
  }
  over.abort();
  await writing;
  await Promise.all(runtimes.map((db) => db.$disconnect()));
});
