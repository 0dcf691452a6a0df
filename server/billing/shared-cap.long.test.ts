import { request } from "undici";
import { expect, test } from "vitest";
import type { Db } from "#server/db/client.ts";
import { budgetState, costCents } from "#server/metering/budget.ts";
import { sealHours } from "#server/metering/seals.ts";
import type { Usage } from "#server/metering/usage.ts";
import { eventually, testRuntime, type TestRuntime } from "#server/runtime/test-runtime.ts";
import { HOUR_MS, hourStart, nextMonthStart } from "#server/std/clock.ts";
import { asId } from "#server/std/id.ts";
import { parseCents } from "#server/std/money.ts";
import { closeMonths } from "./month-close.ts";
import { firstVersion } from "./price-book.ts";
import { addPriceVersion } from "./price-versions.ts";
import { setCap } from "./spending-rule.ts";
import { testClock } from "./test-organization.ts";

const NODES = 3;
const CALLERS = 200;
const KILLS = 6;
const THREADS = 2;
/** A cent a request, so this many requests. */
const CAP_CENTS = 6_000n;
const hello = `export default { fetch() { let sum = 0; for (let i = 0; i < 2e4; i++) sum += i; return new Response("hello " + sum); } };`;

/** From this hour on: a cent a request and none included; and a cent for each 100 ms of CPU beyond half an hour, so that CPU counts as well. */
async function addDearPrices(db: Db): Promise<void> {
  const { free, pro } = firstVersion.plans;
  const { requests, cpu } = pro.meters;
  const plans = {
    free,
    pro: {
      ...pro,
      meters: {
        ...pro.meters,
        requests: { ...requests, included: 0n, price: parseCents("1000000") },
        cpu: { ...cpu, included: 1_800_000_000_000n, price: parseCents("36000") },
      },
    },
  };
  const effectiveAt = hourStart(new Date());
  const clock = testClock(new Date(effectiveAt.getTime() - HOUR_MS).toISOString());
  await addPriceVersion({ db, clock }, { userId: "usr_op", effectiveAt, plans });
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
  "three runtimes that share a cap, 200 callers, kills at random: spent and reserved never cost more than the cap at any look, and in the end ledger and invoice have what callers counted as answered",
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
    await addDearPrices(db);
    const now = testClock(new Date().toISOString());
    await setCap({ db, clock: now }, { organizationId: id, userId: "usr_ada", capCents: CAP_CENTS });

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
    expect(await invoiced(db, id)).toEqual({ requests: rows, cents: BigInt(rows) });
  },
);

/** What the month's invoice has of requests, once the month is over. */
async function invoiced(db: Db, organizationId: string): Promise<{ requests: number; cents: bigint }> {
  const clock = testClock(new Date(nextMonthStart(new Date()).getTime() + HOUR_MS).toISOString());
  await sealHours({ db, clock });
  await closeMonths({ db, clock, mail: null });
  const lines = await db.invoiceLine.findMany({
    where: { meter: "requests", invoice: { organizationId } },
    select: { quantity: true, cents: true },
  });
  return {
    requests: lines.reduce((sum, { quantity }) => sum + Number(quantity), 0),
    cents: lines.reduce((sum, { cents }) => sum + cents, 0n),
  };
}
