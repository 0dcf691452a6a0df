import { expect, test } from "vitest";
import { budgetState, costCents, setBudget, type Budget } from "#server/metering/budget.ts";
import type { Usage } from "#server/metering/usage.ts";
import { monthStart, nextMonthStart } from "#server/std/clock.ts";
import { asId } from "#server/std/id.ts";
import { callFunction, eventually, testRuntime, type TestRuntime } from "./test-runtime.ts";

const code = (text: string): unknown => JSON.parse(text).error.code;
const hello = `export default { fetch: () => new Response("hello") };`;

/** A cent a request, and nothing for the rest: the cap is a number of requests. */
function centsARequest(mostCents: bigint): Budget {
  const now = new Date();
  const free = { included: 0n, price: "0", per: 1n };
  return {
    period: { from: monthStart(now), to: nextMonthStart(now) },
    mostCents,
    weights: { requests: { included: 0n, price: "1", per: 1n }, cpuNs: free, egressBytes: free },
  };
}

async function budget({ database: { db } }: TestRuntime, organizationId: string, budget: Budget): Promise<void> {
  await db.$transaction((tx) => setBudget(tx, asId("organization", organizationId), budget));
}

const sum = (one: Usage, other: Usage): Usage => ({
  requests: one.requests + other.requests,
  cpuNs: one.cpuNs + other.cpuNs,
  egressBytes: one.egressBytes + other.egressBytes,
});

test("a burst of callers gets exactly as many answers as the cap pays for, then 402 with the reason; raised, it goes on", async () => {
  await using runtime = await testRuntime();
  const { host, organizationId } = await runtime.deploy("hello", hello);
  await budget(runtime, organizationId, centsARequest(40n));
  const answers = await Promise.all(Array.from({ length: 200 }, () => callFunction(runtime, host)));
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(40);
  const refused = answers.filter(({ status }) => status !== 200);
  expect(new Set(refused.map(({ status, text }) => `${status} ${String(code(text))}`))).toEqual(
    new Set(["402 spend_cap_reached"]),
  );
  await budget(runtime, organizationId, centsARequest(45n));
  const more = await eventually(
    async () => (await callFunction(runtime, host)).status,
    (status) => status === 200,
  );
  expect(more).toBe(200);
  await runtime.kill("SIGTERM");
  const { db } = runtime.database;
  const state = await budgetState(db, asId("organization", organizationId));
  expect(state.leased).toEqual({ requests: 0n, cpuNs: 0n, egressBytes: 0n });
  expect(state.used.requests).toBe(41n);
});

test("an answer that streams past what the budget has of egress is cut there, and no byte beyond is sent or charged", async () => {
  await using runtime = await testRuntime();
  const { host, organizationId } = await runtime.deploy(
    "stream",
    `export default { fetch: () => new Response(new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(65536)); } })) };`,
    { cpuMsMax: 20_000 },
  );
  const now = new Date();
  const free = { included: 0n, price: "0", per: 1n };
  await budget(runtime, organizationId, {
    period: { from: monthStart(now), to: nextMonthStart(now) },
    mostCents: 0n,
    weights: { requests: free, cpuNs: free, egressBytes: { included: 5_000_000n, price: "1", per: 1n } },
  });
  const { request } = await import("undici");
  const answer = await request(`http://127.0.0.1:${runtime.gatewayPort}/`, { headers: { host } });
  let received = 0;
  await expect(
    (async () => {
      for await (const chunk of answer.body) received += (chunk as Buffer).length;
    })(),
  ).rejects.toThrow();
  expect(received).toBeGreaterThan(1_000_000);
  expect(received).toBeLessThanOrEqual(5_000_000);
  const { db } = runtime.database;
  const row = await eventually(
    () => db.usageEvent.findFirst({ where: { kind: "request" }, select: { egressBytes: true, outcome: true } }),
    Boolean,
  );
  expect(row?.outcome).toBe("aborted");
  expect(row?.egressBytes).toBeGreaterThanOrEqual(BigInt(received));
  expect(row?.egressBytes).toBeLessThanOrEqual(5_000_000n);
  await eventually(
    () => db.logLine.count({ where: { message: { contains: "budget has no egress left" } } }),
    (count) => count > 0,
  );
});

test(
  "kill -9 under load: spent and reserved never cost more than the cap at any look, and after recovery nothing is reserved and all that was answered is spent",
  { timeout: 120_000 },
  async () => {
    await using runtime = await testRuntime();
    const { host, organizationId } = await runtime.deploy("hello", hello);
    const id = asId("organization", organizationId);
    const cap = 1_500n;
    await budget(runtime, organizationId, centsARequest(cap));
    const { db } = runtime.database;
    const over = new AbortController();
    let looks = 0;
    const watching = (async () => {
      while (!over.signal.aborted) {
        const { budget: inForce, used, leased } = await budgetState(db, id);
        if (inForce) expect(costCents(inForce.weights, sum(used, leased)) <= cap).toBe(true);
        looks += 1;
      }
    })();
    let answered = 0;
    const callers = Array.from({ length: 12 }, async () => {
      while (!over.signal.aborted) {
        const answer = await callFunction(runtime, host).catch(() => undefined);
        if (answer?.status === 200) answered += 1;
        else await new Promise((resolve) => setTimeout(resolve, 10));
      }
    });
    for (let kill = 0; kill < 4; kill += 1) {
      const before = answered;
      await eventually(
        async () => answered,
        (count) => count > before + 40,
      );
      await runtime.kill("SIGKILL");
      await runtime.start();
    }
    over.abort();
    await Promise.all([...callers, watching]);
    await runtime.kill("SIGTERM");
    const { used, leased } = await budgetState(db, id);
    expect(looks).toBeGreaterThan(20);
    expect(leased).toEqual({ requests: 0n, cpuNs: 0n, egressBytes: 0n });
    expect(used.requests).toBeGreaterThanOrEqual(BigInt(answered));
    expect(used.requests).toBeLessThanOrEqual(cap);
  },
);
