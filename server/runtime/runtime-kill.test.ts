import { Agent } from "undici";
import { expect, test } from "vitest";
import { eventually, testRuntime, type TestRuntime } from "./test-runtime.ts";

const KILLS = 20;
const CALLERS = 8;
const LIFE_MS_MIN = 150;

const bundle = `export default { async fetch() { let sum = 0; for (let i = 0; i < 2e4; i++) sum += i; return new Response("answer " + sum); } };`;

const THREADS = 2;

/**
 * END is written before the last byte of an answer, so a kill between the two leaves one call in the ledger whose caller
 * saw a broken connection. That is at most one call of each thread a kill, and never an answered call too few.
 */
test(
  "kill -9 twenty times under load: every answered request is in the ledger once, and what the ledger has beyond is at most one of each thread a kill",
  { timeout: 180_000 },
  async () => {
    await using runtime = await testRuntime({ GATEWAY_THREADS: String(THREADS) });
    const { host } = await runtime.deploy("hello", bundle);
    const answered: string[] = [];
    let isOver = false;
    const callers = Array.from({ length: CALLERS }, () => callUntil(runtime, host, answered, () => isOver));
    for (let kill = 0; kill < KILLS; kill += 1) {
      const before = answered.length;
      await eventually(
        async () => answered.length,
        (count) => count > before + 20,
      );
      await new Promise((resolve) => setTimeout(resolve, LIFE_MS_MIN * Math.random()));
      await runtime.kill("SIGKILL");
      await runtime.start();
    }
    isOver = true;
    await Promise.all(callers);

    const { db } = runtime.database;
    const inLedger = async () => db.usageEvent.findMany({ where: { kind: "request" }, select: { requestId: true } });
    // More are in the ledger than were answered, so their number does not say that the last ones have arrived.
    await eventually(
      async () => {
        const ids = new Set((await inLedger()).map((row) => row.requestId));
        return answered.filter((id) => !ids.has(id)).length;
      },
      (missing) => missing === 0,
    );
    await eventually(
      async () => db.runtimeEpoch.count({ where: { drainedAt: null } }),
      (open) => open === 1,
    );
    const rows = await inLedger();
    const ledgerIds = new Set(rows.map((row) => row.requestId));
    expect(answered.length).toBeGreaterThan(KILLS * 20);
    expect(answered.filter((id) => !ledgerIds.has(id))).toEqual([]);
    expect(ledgerIds.size).toBe(rows.length);
    expect(new Set(answered).size).toBe(answered.length);
    expect(rows.length - answered.length).toBeLessThanOrEqual(KILLS * THREADS);
    const hours = await db.usageHour.aggregate({ _sum: { requests: true } });
    expect(hours._sum.requests).toBe(BigInt(rows.length));
    console.log(`answered ${answered.length}, in the ledger ${rows.length}, kills ${KILLS}`);
  },
);

async function callUntil(runtime: TestRuntime, host: string, answered: string[], isOver: () => boolean): Promise<void> {
  const agent = new Agent();
  while (!isOver()) {
    try {
      const answer = await agent.request({
        origin: `http://127.0.0.1:${runtime.gatewayPort}`,
        path: "/",
        method: "GET",
        headers: { host },
      });
      const text = await answer.body.text();
      if (answer.statusCode === 200 && text.startsWith("answer "))
        answered.push(String(answer.headers["x-request-id"]));
    } catch {
      // Killed under it: not answered, so not counted.
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
  await agent.close();
}
