import { afterAll, beforeAll, expect, test } from "vitest";
import { Client } from "pg";
import { pino } from "pino";
import { testDatabase, type TestDatabase } from "#server/db/test-database.ts";
import { eventually } from "#server/runtime/test-runtime.ts";
import { createLog, type Log } from "#server/std/log.ts";
import { LINES_PER_MINUTE_MAX } from "./log-budget.ts";
import type { WaitingLine } from "./log-queue.ts";
import { LogShipper } from "./log-shipper.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database[Symbol.asyncDispose]());

let epoch = 0n;
function shipper(options: { waitingBytesMax?: number; log?: Log } = {}) {
  epoch += 1n;
  const time = { nowMs: Date.now() };
  const clock = { nowMs: () => time.nowMs, monotonicUs: () => time.nowMs * 1000 };
  const shipper = new LogShipper({ db: database.db, epoch, log: createLog("test", "silent"), clock, ...options });
  return { shipper, time, epoch };
}

function line(organization: string, message: string): WaitingLine {
  const of = { organizationId: `org_${organization}`, functionId: `fn_${organization}`, versionId: "ver_1" };
  return { ...of, requestId: null, atMs: Date.now(), level: "log", message };
}

const stored = (epoch: bigint, organization: string) =>
  database.db.logLine.findMany({
    where: { epoch, organizationId: `org_${organization}` },
    orderBy: { seq: "asc" },
    select: { message: true, level: true, requestId: true },
  });

test("a stop stores all that waits, each line once, in the order in which it was printed", async () => {
  const { shipper: logs, epoch } = shipper();
  for (let i = 0; i < 1_700; i += 1) logs.add(line("a", `line ${i}`));
  await logs.stop();
  expect((await stored(epoch, "a")).map((row) => row.message)).toEqual(
    Array.from({ length: 1_700 }, (_, i) => `line ${i}`),
  );
});

test("an organization over its budget loses lines, is told how many in one line, and takes none from its neighbour", async () => {
  const { shipper: logs, epoch, time } = shipper();
  for (let i = 0; i < LINES_PER_MINUTE_MAX + 1_234; i += 1) logs.add(line("loud", "x"));
  logs.add(line("quiet", "heard"));
  const count = () => database.db.logLine.count({ where: { epoch, organizationId: "org_loud" } });
  await eventually(count, (lines) => lines >= LINES_PER_MINUTE_MAX, 45_000);
  time.nowMs += 10_000;
  await eventually(count, (lines) => lines > LINES_PER_MINUTE_MAX);
  const rows = await stored(epoch, "loud");
  expect(rows).toHaveLength(LINES_PER_MINUTE_MAX + 1);
  expect(rows.at(-1)).toMatchObject({ level: "warn", requestId: null });
  expect(rows.at(-1)?.message).toMatch(
    /^1,234 lines were dropped between [\d:]{8} and [\d:]{8} UTC: .*more than 20,000 lines or 10 MB a minute\. Print less/,
  );
  expect((await stored(epoch, "quiet")).map((row) => row.message)).toEqual(["heard"]);
  await logs.stop();
});

test("few long lines use up the budget of bytes; a minute later there is a new one", async () => {
  const { shipper: logs, epoch, time } = shipper();
  const long = "é".repeat(5_000); // 10,000 bytes
  for (let i = 0; i < 1_001; i += 1) logs.add(line("b", long));
  time.nowMs += 60_000;
  logs.add(line("b", "a minute later"));
  await logs.stop();
  const rows = await stored(epoch, "b");
  expect(rows.filter((row) => row.message === long)).toHaveLength(1_000);
  expect(rows.filter((row) => row.message.startsWith("1 line was dropped"))).toHaveLength(1);
  expect(rows.at(-1)?.message).toBe("a minute later");
});

test("while Postgres takes nothing, a flood leaves room for others' lines, and its own log says afterwards what was lost", async () => {
  const { shipper: logs, epoch } = shipper({ waitingBytesMax: 1_000_000 });
  const blocker = new Client({ connectionString: database.url });
  await blocker.connect();
  await blocker.query("BEGIN; LOCK TABLE log_line IN ACCESS EXCLUSIVE MODE");
  for (let i = 0; i < 10_000; i += 1) logs.add(line("flood", `flood ${i}`));
  for (let i = 0; i < 200; i += 1) {
    logs.add(line("small", `small ${i}`));
    logs.add(line("flood", `flood again ${i}`));
  }
  await blocker.query("ROLLBACK");
  await blocker.end();
  await logs.stop();
  expect((await stored(epoch, "small")).map((row) => row.message)).toEqual(
    Array.from({ length: 200 }, (_, i) => `small ${i}`),
  );
  const flood = await stored(epoch, "flood");
  const notice = flood.find((row) => row.level === "warn")?.message ?? "";
  expect(notice).toMatch(/^[\d,]+ lines were dropped .*could not be stored as fast as they were printed/);
  const dropped = Number(/^[\d,]+/.exec(notice)?.[0].replace(",", ""));
  expect(flood.length - 1 + dropped).toBe(10_200);
});

test("what can't be stored is sent again until it can, and is stored once", async () => {
  const said: string[] = [];
  const { shipper: logs, epoch } = shipper({ log: pino({ level: "warn" }, { write: (text) => said.push(text) }) });
  await database.db.$executeRaw`ALTER TABLE log_line RENAME TO log_line_away`;
  logs.add(line("c", "patient"));
  await eventually(
    async () => said.join(""),
    (text) => text.includes("tried again"),
  );
  await database.db.$executeRaw`ALTER TABLE log_line_away RENAME TO log_line`;
  await eventually(
    () => stored(epoch, "c"),
    (found) => found.length > 0,
  );
  await logs.stop();
  expect((await stored(epoch, "c")).map((row) => row.message)).toEqual(["patient"]);
  expect(said.join("")).toContain("tried again");
});
