import { expect, test } from "vitest";
import { testDatabase } from "#server/db/test-database.ts";
import { databaseNow, logDays, makeLogDays, partitionOf } from "#server/metering/log-days.ts";
import { callFunction, eventually, testRuntime } from "#server/runtime/test-runtime.ts";
import { DAY_MS } from "#server/std/clock.ts";

test("a runtime that starts makes the days to come and drops those that are over, before anything is printed", async () => {
  await using database = await testDatabase();
  const now = await databaseNow(database.db);
  await makeLogDays(database.db, { from: new Date(now.getTime() - 9 * DAY_MS), days: 3 });
  await using _runtime = await testRuntime({}, database);
  const expected = [-7, 0, 1, 2].map((day) => partitionOf(new Date(now.getTime() + day * DAY_MS)));
  const days = await eventually(
    () => logDays(database.db),
    (found) => found.length === expected.length,
  );
  expect(days).toEqual(expected);
});

test("what a function prints is stored within a second of being printed", async () => {
  await using runtime = await testRuntime();
  const { host, functionId } = await runtime.deploy(
    "prints",
    `export default { fetch() { console.log("printed"); return new Response(String(Date.now())); } };`,
  );
  await callFunction(runtime, host);
  const delaysMs: number[] = [];
  for (let call = 0; call < 5; call += 1) {
    const { headers, text } = await callFunction(runtime, host);
    const requestId = String(headers["x-request-id"]);
    await eventually(
      () => runtime.database.db.logLine.findFirst({ where: { functionId, requestId }, select: { seq: true } }),
      Boolean,
    );
    delaysMs.push(Date.now() - Number(text));
  }
  expect(delaysMs.toSorted((a, b) => a - b)[2]).toBeLessThan(1_000);
}, 120_000);
