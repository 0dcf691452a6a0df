import { expect, test } from "vitest";
import { channels } from "#server/contract/notify.ts";
import { callFunction, eventually, testRuntime } from "#server/runtime/test-runtime.ts";

test("an organization that is stopped gets 402 with the reason, and its functions answer again once it is opened", async () => {
  await using runtime = await testRuntime();
  const { host, organizationId } = await runtime.deploy(
    "hello",
    `export default { fetch: () => new Response("hello") };`,
  );
  expect((await callFunction(runtime, host)).status).toBe(200);

  const reason = "The Free plan's 1,000,000 requests a month are used up.";
  await setAllowance("stopped", reason);
  const refused = await eventually(
    () => callFunction(runtime, host),
    (answer) => answer.status !== 200,
  );
  expect(refused.status).toBe(402);
  expect(JSON.parse(refused.text)).toEqual({ error: { code: "spend_cap_reached", message: reason } });
  expect(refused.headers["x-request-id"]).toMatch(/^req_/);

  await setAllowance("open", "");
  const opened = await eventually(
    () => callFunction(runtime, host),
    (answer) => answer.status === 200,
  );
  expect(opened.text).toBe("hello");

  async function setAllowance(state: string, why: string): Promise<void> {
    const { db } = runtime.database;
    await db.$transaction([
      db.allowance.upsert({
        where: { organizationId },
        create: { organizationId, state, reason: why },
        update: { state, reason: why },
        select: { state: true },
      }),
      db.$executeRaw`SELECT pg_notify(${channels.organization}, ${organizationId})`,
    ]);
  }
});
