import fc from "fast-check";
import { Client } from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { LOG_LEVELS, type LogFilter, type LogPage } from "#server/contract/logs.ts";
import { testDatabase, type TestDatabase } from "#server/db/test-database.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS } from "#server/std/clock.ts";
import { isId } from "#server/std/id.ts";
import type { UsageFact } from "./ledger.ts";
import { makeLogDays, partitionOf } from "./log-days.ts";
import { searchLogs } from "./log-search.ts";
import type { LogFact } from "./logs.ts";
import { callOf, lineOf, loggedFunction, store, type LoggedFunction } from "./test-log-data.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database[Symbol.asyncDispose]());

const now = new Date();
const search = (of: LoggedFunction, filter: LogFilter, before?: string) =>
  searchLogs(database.db, { ...of, filter, before, now });

async function allPages(of: LoggedFunction, filter: LogFilter): Promise<LogPage[]> {
  const pages = [await search(of, filter)];
  for (let older = pages[0]?.older; older; older = pages.at(-1)?.older) pages.push(await search(of, filter, older));
  return pages;
}

test("whatever the filter, all of the function's own that matches is found, once, newest page first, and nothing of others", async () => {
  const world = await makeWorld();
  await fc.assert(
    fc.asyncProperty(filters(world), async (filter) => {
      const pages = await allPages(world.own, filter);
      const lines = pages.flatMap((page) => page.lines.map((line) => line.id));
      const expected = expectedOf(world, filter);
      expect(lines.toSorted()).toEqual(expected.lines.map(keyOf).toSorted());
      const found = new Set(pages.flatMap((page) => page.requests.map((request) => request.requestId)));
      const wanted = expected.calls.map((call) => call.requestId);
      expect(wanted.filter((requestId) => !found.has(requestId))).toEqual([]);
      for (const page of pages) {
        const printed = new Set(page.lines.map((line) => line.requestId));
        const others = page.requests.filter(
          ({ requestId }) => !wanted.includes(requestId) && !(isOwn(world, requestId) && printed.has(requestId)),
        );
        expect(others).toEqual([]);
      }
      if (filter.status !== undefined) return;
      const times = pages.toReversed().flatMap((page) => page.lines.map((line) => line.atMs));
      expect(times).toEqual(times.toSorted((a, b) => a - b));
    }),
    { numRuns: 150 },
  );
}, 240_000);

test("a search for what is rare goes all the way back, and one for what is frequent stops when a page is full", async () => {
  const of = await loggedFunction(database.db);
  const atMs = (minutes: number) => now.getTime() - minutes * MINUTE_MS;
  const lines = Array.from({ length: 900 }, (_, at) => lineOf(of, { message: `often ${at}`, atMs: atMs(at * 10) }));
  lines.push(lineOf(of, { message: "a needle", atMs: atMs(6.5 * 24 * 60) }));
  await store(database.db, { lines });
  const [needle, ...more] = await allPages(of, { text: "NEEDLE" });
  expect([needle?.lines.map((line) => line.message), needle?.older, more]).toEqual([["a needle"], null, []]);
  const often = await search(of, { text: "often" });
  expect(often.lines.at(-1)?.message).toBe("often 0");
  expect(often.lines.length).toBe(200);
  expect(often.searchedToMs).toBe(often.lines[0]?.atMs);
});

test("with a status, a request comes with its lines, and the rest of a request's many lines is said to be missing", async () => {
  const of = await loggedFunction(database.db);
  const calls = Array.from({ length: 10 }, (_, at) => callOf(of, { status: 503, path: `/${at}` }));
  const lines = calls.flatMap(({ requestId }) =>
    Array.from({ length: 250 }, (_, at) => lineOf(of, { message: `line ${at}`, requestId })),
  );
  await store(database.db, { calls: [...calls, callOf(of)], lines });
  const page = await search(of, { status: "5xx" });
  expect([page.requests.length, page.lines.length, page.isCut]).toEqual([10, 2_000, true]);
  const one = await search(of, { status: "503", text: "line 249" });
  expect([one.requests.length, one.lines.length, one.isCut]).toEqual([10, 10, false]);
});

test("lines are kept for seven days, and none that is older is found in a partition that is left", async () => {
  const of = await loggedFunction(database.db);
  const old = new Date(now.getTime() - 7 * DAY_MS - HOUR_MS);
  await makeLogDays(database.db, { from: old, days: 1 });
  const { atMs, ...line } = lineOf(of, { message: "too old", atMs: old.getTime() });
  await database.db.logLine.create({ data: { ...line, at: new Date(atMs) }, select: { seq: true } });
  await store(database.db, { lines: [lineOf(of, { message: "new" })] });
  const [page] = await allPages(of, { fromMs: 0 });
  expect(page?.lines.map((entry) => entry.message)).toEqual(["new"]);
});

test("a search that Postgres does not get through ends with what was found so far, and says up to where", async () => {
  const of = await loggedFunction(database.db);
  const twoDaysAgo = new Date(now.getTime() - 2 * DAY_MS);
  await store(database.db, {
    lines: [lineOf(of, { message: "found now" }), lineOf(of, { message: "found late", atMs: twoDaysAgo.getTime() })],
  });
  const blocker = new Client({ connectionString: database.url });
  await blocker.connect();
  await blocker.query(`BEGIN; LOCK TABLE ${partitionOf(twoDaysAgo)} IN ACCESS EXCLUSIVE MODE`);
  const page = await search(of, { text: "found" });
  expect(page.lines.map((line) => line.message)).toEqual(["found now"]);
  expect(page.searchedToMs).toBeGreaterThan(twoDaysAgo.getTime());
  await blocker.query("ROLLBACK; BEGIN; LOCK TABLE log_line IN ACCESS EXCLUSIVE MODE");
  await expect(search(of, { text: "found" })).rejects.toMatchObject({
    code: "too_large",
    message: expect.stringMatching(/too much to search.*shorter time/),
  });
  await blocker.query("ROLLBACK");
  await blocker.end();
  const rest = await search(of, { text: "found" }, page.older ?? "");
  expect(rest.lines.map((line) => line.message)).toEqual(["found late"]);
});

test("a place that no search has told is refused, and opens nothing", async () => {
  const of = await loggedFunction(database.db);
  for (const before of ["", "x", "l.1.2", "l.1.2.3; DROP TABLE log_line", "l.99999999999999999999.1.1", "m.1.1.1.1"])
    await expect((async () => search(of, {}, before))()).rejects.toMatchObject({ code: "invalid" });
});

type World = { own: LoggedFunction; lines: LogFact[]; calls: (UsageFact & { requestId: string })[] };

const WORDS = ["order", "ORDER 50%", "under_score", "back\\slash", "Ähre", "nul\0l", "plain"] as const;

type Choose = <Value>(values: readonly Value[]) => Value;

/** Two organizations, one of them with two functions, whose logs are alike; lines printed under ids of others' requests too. */
async function makeWorld(): Promise<World> {
  const own = await loggedFunction(database.db);
  const functions = [own, await loggedFunction(database.db, 3, own), await loggedFunction(database.db)];
  const random = randomFrom(7);
  const pick: Choose = (values) => {
    const value = values[Math.floor(random() * values.length)];
    if (value === undefined) throw new Error("picked from nothing");
    return value;
  };
  // Some within minutes, some within days, many at the very same millisecond.
  const anyTime = () =>
    Math.floor(now.getTime() - pick([0, 0, 1, MINUTE_MS, random() * HOUR_MS, random() * 6 * DAY_MS]));
  const calls = functions.flatMap((of) => Array.from({ length: 250 }, () => anyCall(of, pick, anyTime())));
  const lines = functions.flatMap((of) => Array.from({ length: 700 }, (_, at) => anyLine(of, pick, pick(calls), at)));
  // CPU that is nobody's request.
  calls.push(callOf(own, { kind: "unbilled", method: null, path: null, status: null }));
  await store(database.db, { lines, calls });
  return { own, lines, calls };
}

function anyCall(of: LoggedFunction, pick: Choose, occurredAtMs: number) {
  const status = pick([200, 201, 302, 404, 500, 503, null]);
  return callOf(of, {
    epoch: pick([1n, 2n, 9n]),
    occurredAtMs,
    path: `/${pick(["orders", "Under_Score", "50%"])}`,
    status,
    kind: status === 503 ? "unbilled" : "request",
    versionId: pick(of.versionIds),
  });
}

function anyLine(of: LoggedFunction, pick: Choose, call: World["calls"][number], at: number): LogFact {
  return lineOf(of, {
    epoch: pick([1n, 2n, 9n]),
    requestId: pick([null, call.requestId, call.requestId, call.requestId]),
    atMs: call.occurredAtMs,
    level: pick(LOG_LEVELS),
    message: `${pick(WORDS)} ${pick(WORDS)} ${at}`,
    versionId: pick(of.versionIds),
  });
}

function filters({ calls }: World): fc.Arbitrary<LogFilter> {
  const time = fc.integer({ min: now.getTime() - 8 * DAY_MS, max: now.getTime() + MINUTE_MS });
  const requestIds = calls.map((call) => call.requestId).filter((id) => isId("request", id));
  const parts: { [Part in keyof LogFilter]-?: fc.Arbitrary<LogFilter[Part]> } = {
    text: fc.constantFrom(...WORDS, "", "order", "%", "_", "\\", "ähRE", "R 5", "orders", "under_score o"),
    level: fc.constantFrom(...LOG_LEVELS),
    status: fc.constantFrom("2xx", "4xx", "5xx", "200", "404", "503", "100"),
    version: fc.integer({ min: 1, max: 4 }),
    requestId: fc.constantFrom(...requestIds),
    fromMs: time,
    toMs: time,
  };
  // Most parts are left out of most filters, since few entries match many.
  const whole = fc.record(parts, { requiredKeys: [] });
  const few = fc.subarray(Object.keys(parts), { maxLength: 3 });
  return fc
    .tuple(whole, few)
    .map(([filter, kept]) => Object.fromEntries(Object.entries(filter).filter(([part]) => kept.includes(part))));
}

/** What a search is to find, worked out from all that there is. */
function expectedOf(world: World, filter: LogFilter): Pick<World, "lines" | "calls"> {
  const { own } = world;
  const ofOwn = (row: { organizationId: string; functionId: string }) =>
    row.organizationId === own.organizationId && row.functionId === own.functionId;
  const version = filter.version === undefined ? undefined : (own.versionIds[filter.version - 1] ?? "none");
  const holds = (text: string | null) =>
    !filter.text || (text ?? "").toLowerCase().includes(filter.text.replaceAll("\0", "\u{FFFD}").toLowerCase());
  const isInTime = (atMs: number) =>
    atMs >= Math.max(filter.fromMs ?? 0, now.getTime() - 7 * DAY_MS) && atMs < (filter.toMs ?? Infinity);
  const isWanted = (row: { versionId: string; requestId: string | null }) =>
    (version === undefined || row.versionId === version) &&
    (filter.requestId === undefined || row.requestId === filter.requestId);
  const lines = world.lines.filter(
    (line) =>
      ofOwn(line) &&
      isWanted(line) &&
      holds(line.message.replaceAll("\0", "\u{FFFD}")) &&
      LOG_LEVELS.indexOf(line.level) >= LOG_LEVELS.indexOf(filter.level ?? "debug"),
  );
  const calls = world.calls.filter(
    (call) => ofOwn(call) && isWanted(call) && isInTime(call.occurredAtMs) && call.method !== null,
  );
  const byPath = (call: UsageFact) => filter.level === undefined && holds(call.path);
  if (filter.status === undefined)
    return { lines: lines.filter((line) => isInTime(line.atMs)), calls: calls.filter(byPath) };
  const isAnswered = ({ status }: UsageFact) =>
    filter.status?.endsWith("xx") ? String(status)[0] === filter.status[0] : String(status) === filter.status;
  const printed = new Set(lines.map((line) => line.requestId));
  const answered = calls.filter((call) => isAnswered(call) && (byPath(call) || printed.has(call.requestId)));
  const ids = new Set<string | null>(answered.map((call) => call.requestId));
  return { lines: lines.filter((line) => line.requestId !== null && ids.has(line.requestId)), calls: answered };
}

function isOwn({ own, calls }: World, requestId: string): boolean {
  return calls.some((call) => call.requestId === requestId && call.functionId === own.functionId);
}

function keyOf(line: LogFact): string {
  return `${line.epoch}.${line.seq}`;
}

/** The same world on every run (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
