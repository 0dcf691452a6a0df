import { afterAll, beforeAll, expect, test } from "vitest";
import type { LogFilter, LogTail } from "#server/contract/logs.ts";
import { testDatabase, type TestDatabase } from "#server/db/test-database.ts";
import { MINUTE_MS } from "#server/std/clock.ts";
import { newId } from "#server/std/id.ts";
import { followLogs, tailStart } from "./log-tail.ts";
import { callOf, lineOf, loggedFunction, store, type LoggedFunction } from "./test-log-data.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database[Symbol.asyncDispose]());

/** A page that follows: each call of `next` goes on from the last. */
async function follower(of: LoggedFunction, filter: LogFilter = {}) {
  let after = await tailStart(database.db, { ...of, filter, now: new Date() });
  return async (openRequestIds: string[] = []): Promise<LogTail> => {
    const tail = await followLogs(database.db, { ...of, filter, after, openRequestIds, now: new Date() });
    after = tail.after;
    return tail;
  };
}

const messages = (tail: LogTail) => tail.lines.map((line) => line.message);

test("what two runtimes store in turns is each seen once, though one's numbers are lower and its clock is behind", async () => {
  const of = await loggedFunction(database.db);
  await store(database.db, { lines: [lineOf(of, { message: "before", epoch: 8n })] });
  const next = await follower(of);
  expect(messages(await next())).toEqual([]);
  const seen: string[] = [];
  for (let turn = 0; turn < 6; turn += 1) {
    const isFirst = turn % 2 === 0;
    await store(database.db, {
      lines: [lineOf(of, { message: `${turn}`, epoch: isFirst ? 8n : 5n, atMs: Date.now() - (isFirst ? 0 : 50_000) })],
    });
    seen.push(...messages(await next()));
  }
  expect(seen).toEqual(["0", "1", "2", "3", "4", "5"]);
  expect(messages(await next())).toEqual([]);
});

test("more lines than fit come with the next calls, none of them lost or doubled, from every runtime", async () => {
  const of = await loggedFunction(database.db);
  const next = await follower(of, { text: "wanted" });
  const wanted = [3n, 4n].flatMap((epoch) =>
    Array.from({ length: 700 }, (_, at) => lineOf(of, { message: `wanted ${epoch} ${at}`, epoch })),
  );
  await store(database.db, { lines: wanted });
  const tails = [await next(), await next(), await next(), await next()];
  expect(tails.map((tail) => tail.lines.length)).toEqual([500, 500, 400, 0]);
  expect(tails.flatMap(messages).toSorted()).toEqual(wanted.map((line) => line.message).toSorted());
});

test("lines that do not match are passed over, and not looked at again", async () => {
  const of = await loggedFunction(database.db);
  const next = await follower(of, { level: "warn" });
  await store(database.db, { lines: Array.from({ length: 300 }, () => lineOf(of, { message: "talk" })) });
  const first = await next();
  expect(first.lines).toEqual([]);
  const [head] = await database.db.logLine.findMany({
    where: { functionId: of.functionId },
    orderBy: { seq: "desc" },
    take: 1,
    select: { epoch: true, seq: true },
  });
  expect(first.after).toMatch(new RegExp(`^${head?.epoch}\\.${head?.seq}~`));
  await store(database.db, { lines: [lineOf(of, { message: "trouble", level: "error" })] });
  expect(messages(await next())).toEqual(["trouble"]);
});

test("a request shows when it has ended, once; one that ran for long is told of because its lines are shown", async () => {
  const of = await loggedFunction(database.db);
  const next = await follower(of);
  const [short, long] = [callOf(of), callOf(of, { occurredAtMs: Date.now() - 10 * MINUTE_MS })];
  await store(database.db, { lines: [lineOf(of, { message: "under way", requestId: long.requestId })] });
  expect((await next()).requests).toEqual([]);
  await store(database.db, { calls: [short, long] });
  const tail = await next([long.requestId]);
  expect(tail.requests.map((request) => request.requestId).toSorted()).toEqual(
    [short.requestId, long.requestId].toSorted(),
  );
  expect((await next()).requests).toEqual([]);
});

test("a request that was stored before is not followed: a search has it, or it is older than its first page", async () => {
  const of = await loggedFunction(database.db);
  const [before, after] = [callOf(of), callOf(of)];
  await store(database.db, { calls: [before] });
  const next = await follower(of);
  expect((await next()).requests).toEqual([]);
  await store(database.db, { calls: [after] });
  expect((await next()).requests.map(({ requestId }) => requestId)).toEqual([after.requestId]);
});

test("with a status, lines follow the requests that had it, also those that were stored after the request", async () => {
  const of = await loggedFunction(database.db);
  const next = await follower(of, { status: "5xx" });
  const [failed, fine] = [callOf(of, { status: 500 }), callOf(of)];
  const printed = (message: string, requestId: string) => lineOf(of, { message, requestId });
  await store(database.db, {
    calls: [failed, fine],
    lines: [printed("before the end", failed.requestId), printed("fine", fine.requestId)],
  });
  const tail = await next();
  expect([tail.requests.map((request) => request.requestId), new Set(messages(tail))]).toEqual([
    [failed.requestId],
    new Set(["before the end"]),
  ]);
  await store(database.db, { lines: [printed("late", failed.requestId), printed("fine too", fine.requestId)] });
  const late = await next();
  expect([late.requests, messages(late)]).toEqual([[], ["late"]]);
});

test("nothing of another organization or function is followed, whichever requests are named", async () => {
  const own = await loggedFunction(database.db);
  const beside = await loggedFunction(database.db, 1, own);
  const other = await loggedFunction(database.db);
  const foreign = [beside, other].map((of) => callOf(of, { status: 500, path: "/secret" }));
  for (const filter of [{}, { status: "5xx" }, { text: "secret" }, { level: "debug" }, { version: 1 }] as const) {
    const next = await follower(own, filter);
    await store(database.db, {
      calls: foreign,
      lines: [
        ...[beside, other].map((of) => lineOf(of, { message: "secret" })),
        ...foreign.map(({ requestId }) => lineOf(own, { message: "secret, mine under a stolen id", requestId })),
      ],
    });
    const tail = await next([...foreign.map(({ requestId }) => requestId), newId("request")]);
    expect(tail.requests).toEqual([]);
    expect(tail.lines.filter((line) => line.message === "secret")).toEqual([]);
  }
});

test("a place that was made up is read as far as it can be", async () => {
  const of = await loggedFunction(database.db);
  await store(database.db, { lines: [lineOf(of, { message: "there" })] });
  for (const after of ["", "~", "x", "1.2.3-~~", "'; DROP TABLE log_line"]) {
    const tail = await followLogs(database.db, { ...of, filter: {}, after, openRequestIds: [], now: new Date() });
    expect(messages(tail)).toEqual(["there"]);
  }
});
