import { expect, test } from "vitest";
import { unreadyReasons } from "#server/api/ready.ts";
import { connect } from "#server/db/client.ts";
import { testPostgres } from "#server/db/test-postgres.ts";
import { eventually, testRuntime } from "#server/runtime/test-runtime.ts";
import { createLog } from "#server/std/log.ts";

test("a console says which of Postgres and runtime is away, and is ready again once both are back", async () => {
  await using postgres = await testPostgres();
  const db = connect(postgres.url);
  const database = { db, url: postgres.url, [Symbol.asyncDispose]: () => db.$disconnect() };
  await using _ = database;
  await using runtime = await testRuntime({}, database);
  const ask = () => unreadyReasons({ db, runtimeUrl: runtime.internalUrl, log: createLog("test", "silent") });
  const noPostgres = "Postgres does not answer, so no page can be shown";
  const noRuntime = "the runtime does not answer, so nothing can be deployed";
  expect(await ask()).toEqual([]);

  await postgres.stop();
  expect(await ask()).toEqual([noPostgres]);
  await runtime.kill("SIGKILL");
  expect(await ask()).toEqual([noPostgres, noRuntime]);

  await postgres.start();
  expect(await eventually(ask, (reasons) => reasons.length === 1)).toEqual([noRuntime]);
  await runtime.start();
  expect(await ask()).toEqual([]);
}, 120_000);
