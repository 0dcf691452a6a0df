import { createServer } from "node:http";
import { once } from "node:events";
import { expect, test } from "vitest";
import { budgetState, setBudget, type Budget } from "#server/metering/budget.ts";
import { monthStart, nextMonthStart } from "#server/std/clock.ts";
import { asId } from "#server/std/id.ts";
import { callFunction, eventually, testRuntime, type TestRuntime } from "./test-runtime.ts";

const free = { included: 0n, price: "0", per: 1n };

/** Nothing may be paid: a meter ends with what is included of it. */
async function include(
  { database: { db } }: TestRuntime,
  organizationId: string,
  weights: Partial<Budget["weights"]>,
): Promise<void> {
  const now = new Date();
  const period = { from: monthStart(now), to: nextMonthStart(now) };
  const all = { requests: free, cpuNs: free, egressBytes: free, ...weights };
  await db.$transaction((tx) =>
    setBudget(tx, asId("organization", organizationId), { period, mostCents: 0n, weights: all }),
  );
}

test("bytes that a function sends out by fetch are egress in the ledger, and end where the budget does", async () => {
  const received: number[] = [];
  const server = createServer((req, res) => {
    let bytes = 0;
    req.on("data", (chunk: Buffer) => (bytes += chunk.length));
    req.on("close", () => received.push(bytes));
    req.on("end", () => res.end(String(bytes)));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("a TCP server has a port");
  const to = `127.0.0.1:${address.port}`;
  await using runtime = await testRuntime({ EGRESS_ALLOW: to });
  const { host, organizationId } = await runtime.deploy(
    "sender",
    `export default { async fetch(request) {
      const bytes = Number(new URL(request.url).searchParams.get("bytes"));
      const answer = await fetch("http://${to}/", { method: "POST", body: new Uint8Array(bytes) }).catch((error) => new Response(String(error)));
      return new Response(await answer.text().catch(String));
    } };`,
  );
  const { db } = runtime.database;
  await include(runtime, organizationId, { egressBytes: { included: 6_000_000n, price: "1", per: 1n } });
  expect((await callFunction(runtime, host, { path: "/?bytes=300000" })).text).toBe("300000");
  await callFunction(runtime, host, { path: "/?bytes=40000000" });
  await eventually(
    () => db.logLine.count({ where: { message: { contains: "no egress left" } } }),
    (count) => count > 0,
  );
  await runtime.kill("SIGTERM");
  const sent = await db.usageEvent.aggregate({ where: { kind: "background" }, _sum: { egressBytes: true } });
  expect(sent._sum.egressBytes).toBeGreaterThanOrEqual(300_000n);
  const { used } = await budgetState(db, asId("organization", organizationId));
  expect(used.egressBytes).toBeLessThanOrEqual(6_000_000n);
  expect(Math.max(...received)).toBeLessThan(6_000_000);
  server.close();
});

test("computing after the answer ends with the budget: the instance is stopped, and no more is charged than there was", async () => {
  await using runtime = await testRuntime();
  const { host, organizationId } = await runtime.deploy(
    "after",
    `export default { fetch(request, env, ctx) {
      ctx.waitUntil((async () => { for (;;) { const until = Date.now() + 5; while (Date.now() < until); await scheduler.wait(1); } })());
      return new Response("answered");
    } };`,
    { cpuMsMax: 2_000 },
  );
  const { db } = runtime.database;
  await include(runtime, organizationId, { cpuNs: { included: 2_600_000_000n, price: "1", per: 1n } });
  expect((await callFunction(runtime, host)).text).toBe("answered");
  await eventually(
    () => runtime.metrics(),
    (text) => text.includes("sluice_instances 0\n"),
  );
  await eventually(
    () => db.logLine.count({ where: { message: { contains: "CPU-hours that the organization's plan includes" } } }),
    (count) => count > 0,
  );
  await runtime.kill("SIGTERM");
  const { used, leased } = await budgetState(db, asId("organization", organizationId));
  expect(used.cpuNs).toBeGreaterThan(1_000_000_000n);
  expect(used.cpuNs).toBeLessThanOrEqual(2_600_000_000n);
  expect(leased.cpuNs).toBe(0n);
});
