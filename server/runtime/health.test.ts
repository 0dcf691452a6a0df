import { rename } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { connect } from "#server/db/client.ts";
import { testPostgres } from "#server/db/test-postgres.ts";
import { unreadyReasons, type RuntimeState } from "./health.ts";
import { callFunction, eventually, testRuntime } from "./test-runtime.ts";

const hello = `export default { fetch: () => new Response("hello") };`;

const isReady = (reasons: string[]): boolean => reasons.length === 0;

test("Postgres goes away and comes back: /readyz says so both times, functions answer meanwhile, and no call is lost", async () => {
  await using postgres = await testPostgres();
  const db = connect(postgres.url);
  const database = { db, url: postgres.url, [Symbol.asyncDispose]: () => db.$disconnect() };
  await using _ = database;
  await using runtime = await testRuntime({}, database);
  const { host } = await runtime.deploy("hello", hello);
  expect((await callFunction(runtime, host)).status).toBe(200);
  expect(await runtime.unready()).toEqual([]);

  await postgres.stop();
  const reasons = await eventually(
    () => runtime.unready(),
    (all) => !isReady(all),
  );
  expect(reasons).toEqual([expect.stringContaining("Postgres is away")]);
  for (let call = 0; call < 5; call += 1) expect((await callFunction(runtime, host)).status).toBe(200);
  // What happens in the outage is seen while it lasts.
  const metrics = await eventually(
    () => runtime.metrics(),
    (text) => text.includes('sluice_requests_total{outcome="ok"} 6'),
  );
  expect(metrics).toContain('sluice_requests_total{outcome="ok"} 6\n');
  expect(Number(/^sluice_journal_lag (\d+)/m.exec(metrics)?.[1])).toBeGreaterThanOrEqual(5);

  await postgres.start();
  expect(await eventually(() => runtime.unready(), isReady)).toEqual([]);
  const rows = await eventually(
    () => db.usageEvent.count({ where: { kind: "request" } }),
    (count) => count === 6,
  );
  expect(rows).toBe(6);
  const after = await eventually(
    () => runtime.metrics(),
    (text) => text.includes("sluice_journal_lag 0"),
  );
  expect(after).toContain("sluice_journal_lag 0\n");
  expect(after).toContain('sluice_requests_total{outcome="ok"} 6\n'); // each was counted once
}, 120_000);

test("what is answered before it becomes a call is counted by its code, whichever thread answered it", async () => {
  await using runtime = await testRuntime({ GATEWAY_THREADS: "2" });
  const { host } = await runtime.deploy("hello", hello, { requestsPerSecondMax: 1 });
  for (let call = 0; call < 6; call += 1)
    expect((await callFunction(runtime, "nobody--acme.localhost")).status).toBe(404);
  const statuses: number[] = [];
  for (let call = 0; call < 10; call += 1) statuses.push((await callFunction(runtime, host)).status);
  const limited = statuses.filter((status) => status === 429).length;
  expect(limited).toBeGreaterThan(0);
  const metrics = await runtime.metrics();
  expect(metrics).toContain('sluice_turned_away_total{code="function_not_found"} 6\n');
  expect(metrics).toContain(`sluice_turned_away_total{code="rate_limited"} ${limited}\n`);
}, 60_000);

test("a runtime whose sandboxes can't start says so and why, by itself, and is ready again by itself", async () => {
  await using runtime = await testRuntime({ WARM_POOL_SIZE: "0" });
  const { host } = await runtime.deploy("hello", hello);
  expect(await runtime.unready()).toEqual([]);
  const runDir = join(runtime.dataDir, "run");
  await rename(runDir, `${runDir}.away`);
  expect((await callFunction(runtime, host)).status).toBe(503);
  const reasons = await eventually(
    () => runtime.unready(),
    (all) => !isReady(all),
  );
  expect(reasons).toEqual([expect.stringMatching(/^sandboxes cannot be started: .*E[A-Z]+.*\/run\//)]);
  const anybody = await callFunction(runtime, "127.0.0.1", { path: "/readyz" });
  expect(anybody.status).toBe(503);
  expect(JSON.parse(anybody.text)).toEqual({
    ok: false,
    reasons: ["sandboxes cannot be started: the runtime's log says why"],
  });
  expect(runtime.said()).toContain("sandboxes cannot be started");
  expect(
    Number(/^sluice_sandbox_start_failures_total (\d+)/m.exec(await runtime.metrics())?.[1]),
  ).toBeGreaterThanOrEqual(3);
  await rename(`${runDir}.away`, runDir);
  expect(await eventually(() => runtime.unready(), isReady)).toEqual([]);
  expect((await callFunction(runtime, host)).status).toBe(200);
}, 120_000);

const ready: RuntimeState = {
  isStopping: false,
  isListening: true,
  canWrite: true,
  behindMs: 5_000,
  whyNoSandbox: undefined,
};

test.each([
  ["it stops", { isStopping: true }, "it is stopping"],
  ["Postgres is away", { isListening: false }, "Postgres is away"],
  ["the disk is full", { canWrite: false }, "the journal cannot be written"],
  ["the shipper is stuck", { behindMs: 61_000 }, "usage has not reached Postgres for 61 s"],
  ["no sandbox starts", { whyNoSandbox: "bwrap is gone" }, "sandboxes cannot be started: bwrap is gone"],
])("a runtime is not ready when %s, and says what to look at", (_when, state, reason) => {
  expect(unreadyReasons(ready)).toEqual([]);
  expect(unreadyReasons({ ...ready, ...state })).toEqual([expect.stringContaining(reason)]);
});

test("all reasons are told, not the first alone", () => {
  expect(unreadyReasons({ ...ready, isListening: false, behindMs: 90_000 })).toHaveLength(2);
});
