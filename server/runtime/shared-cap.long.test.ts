import { request } from "undici";
import { expect, test } from "vitest";
import { budgetState, costCents, setBudget, type Budget } from "#server/metering/budget.ts";
import type { Usage } from "#server/metering/usage.ts";
import { monthStart, nextMonthStart } from "#server/std/clock.ts";
import { asId } from "#server/std/id.ts";
import { eventually, testRuntime, type TestRuntime } from "./test-runtime.ts";

const NODES = 3;
const CALLERS = 200;
const KILLS = 6;
const THREADS = 2;
/** A cent a request, so this many requests; and a cent for each 100 ms of CPU beyond half an hour, so that CPU counts as well. */
const CAP_CENTS = 6_000n;
const hello = `export default { fetch() { let sum = 0; for (let i = 0; i < 2e4; i++) sum += i; return new Response("hello " + sum); } };`;

function budget(mostCents: bigint): Budget {
  const now = new Date();
  return {
    period: { from: monthStart(now), to: nextMonthStart(now) },
    mostCents,
    weights: {
      requests: { included: 0n, price: "1", per: 1n },
      cpuNs: { included: 1_800_000_000_000n, price: "1", per: 100_000_000n },
      egressBytes: { included: 1_000_000_000n, price: "1", per: 1_000n },
    },
  };
}

const sum = (one: Usage, other: Usage): Usage => ({
  requests: one.requests + other.requests,
  cpuNs: one.cpuNs + other.cpuNs,
  egressBytes: one.egressBytes + other.egressBytes,
});

/** Calls one node until told to stop; counts answers, and what the cap refused. */
async function call(node: TestRuntime, host: string, counts: Map<string, number>, over: AbortSignal): Promise<void> {
  const add = (what: string): void => void counts.set(what, (counts.get(what) ?? 0) + 1);
  while (!over.aborted) {
    try {
      const answer = await request(`http://127.0.0.1:${node.gatewayPort}/`, { headers: { host } });
      const text = await answer.body.text();
      if (answer.statusCode === 200 && text.startsWith("hello ")) add("answered");
      else {
        add(String(answer.statusCode));
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    } catch {
      // Killed under it, or not up again yet: not answered.
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

test(
  "three runtimes that share a cap, 200 callers, kills at random: spent and reserved never cost more than the cap at any look, and in the end the ledger has what callers counted as answered",
  { timeout: 280_000 },
  async () => {
    await using first = await testRuntime({ WARM_POOL_SIZE: "1", GATEWAY_THREADS: String(THREADS) });
    await using second = await testRuntime({ WARM_POOL_SIZE: "1", GATEWAY_THREADS: String(THREADS) }, first.database);
    await using third = await testRuntime({ WARM_POOL_SIZE: "1", GATEWAY_THREADS: String(THREADS) }, first.database);
    const nodes = [first, second, third];
    const limits = { cpuMsMax: 500, concurrencyPerInstanceMax: 100 };
    const { host, organizationId } = await first.deploy("hello", hello, limits, "capped");
    const id = asId("organization", organizationId);
    const { db } = first.database;
    await db.$transaction((tx) => setBudget(tx, id, budget(CAP_CENTS)));

    const over = new AbortController();
    const counts = new Map<string, number>();
    const callers = Array.from({ length: CALLERS }, (_, at) =>
      call(nodes[at % NODES] ?? first, host, counts, over.signal),
    );
    let looks = 0;
    let costliest = 0n;
    const watching = (async () => {
      while (!over.signal.aborted) {
        const { budget: inForce, used, leased } = await budgetState(db, id);
        if (inForce) {
          const cents = costCents(inForce.weights, sum(used, leased));
          expect(cents <= CAP_CENTS).toBe(true);
          if (cents > costliest) costliest = cents;
        }
        looks += 1;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    })();
    for (let kill = 0; kill < KILLS; kill += 1) {
      await new Promise((resolve) => setTimeout(resolve, 300 + 700 * Math.random()));
      const node = nodes[Math.floor(Math.random() * NODES)] ?? first;
      await node.kill("SIGKILL");
      await node.start();
    }
    // The cap is reached: everyone is refused, and nothing is under way any more.
    const spent = await eventually(
      async () => (await budgetState(db, id)).used.requests,
      (requests) => requests >= CAP_CENTS - 5n,
      90_000,
    );
    over.abort();
    await Promise.all([...callers, watching]);
    for (const node of nodes) await node.kill("SIGTERM");
    const { used, leased } = await budgetState(db, id);
    const answered = BigInt(counts.get("answered") ?? 0);
    console.log(`answered ${answered}, spent ${spent}, cap ${CAP_CENTS}, looks ${looks}`, counts);
    expect(leased).toEqual({ requests: 0n, cpuNs: 0n, egressBytes: 0n });
    expect(looks).toBeGreaterThan(50);
    expect(costliest).toBeGreaterThan(CAP_CENTS / 2n);
    expect(used.requests).toBeLessThanOrEqual(CAP_CENTS);
    // Every answered call is there; what the ledger has beyond are calls whose last byte a kill took, at most one a thread.
    expect(used.requests).toBeGreaterThanOrEqual(answered);
    expect(used.requests - answered).toBeLessThanOrEqual(BigInt(KILLS * THREADS));
    const rows = await db.usageEvent.count({ where: { kind: "request", organizationId } });
    expect(BigInt(rows)).toBe(used.requests);
    expect(counts.get("402") ?? 0).toBeGreaterThan(0);
  },
);
