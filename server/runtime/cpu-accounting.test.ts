import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { readCpuNs } from "./meter/cpu-clock.ts";
import { callFunction, eventually, testRuntime } from "./test-runtime.ts";

const bundle = `
const spin = (rounds) => { let sum = 0; for (let i = 0; i < rounds; i++) sum += Math.sqrt(i); return sum; };
spin(3e6); // start-up
export default {
  async fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    if (pathname === "/overlap") { await scheduler.wait(20); spin(1e6); await scheduler.wait(20); }
    if (pathname === "/after") ctx.waitUntil(scheduler.wait(30).then(() => spin(5e6)));
    if (pathname === "/idle") setTimeout(() => spin(1e6), 40);
    return new Response(String(spin(1e5)));
  },
};`;

test("attributed + start-up + idle CPU in the ledger is the kernel's total of the instance, within 1 %", async () => {
  await using runtime = await testRuntime({ WARM_POOL_SIZE: "1" });
  const { host } = await runtime.deploy("hello", bundle);
  for (let round = 0; round < 5; round += 1) {
    await Promise.all(
      ["/", "/overlap", "/overlap", "/after", "/idle"].map((path) => callFunction(runtime, host, { path })),
    );
  }
  const pid = configuredWorkerd(runtime.pid());
  const kernelNs = await eventually(
    async () => readCpuNs(pid) ?? 0,
    (() => {
      let last = -1;
      return (now: number) => last === (last = now); // still: all that was begun is done
    })(),
  );
  await runtime.kill("SIGTERM");
  const { db } = runtime.database;
  const byKind = await db.usageEvent.groupBy({ by: ["kind"], _sum: { cpuNs: true } });
  const ledgerNs = byKind.reduce((sum, row) => sum + Number(row._sum.cpuNs ?? 0n), 0);
  expect(byKind.map((row) => row.kind).toSorted()).toEqual(["request", "after", "unbilled"].toSorted());
  expect(Math.abs(ledgerNs - kernelNs) / kernelNs).toBeLessThan(0.01);
});

test("CPU that a request takes after its answer is charged to it, not lost", async () => {
  await using runtime = await testRuntime();
  const { host } = await runtime.deploy("hello", bundle);
  await callFunction(runtime, host, { path: "/after" });
  const after = await eventually(
    () =>
      runtime.database.db.usageEvent.findFirst({ where: { kind: "after" }, select: { cpuNs: true, requestId: true } }),
    (row) => row !== null,
  );
  expect(Number(after?.cpuNs)).toBeGreaterThan(1_000_000);
  const request = await runtime.database.db.usageEvent.findFirst({
    where: { kind: "request" },
    select: { requestId: true },
  });
  expect(after?.requestId).toBe(request?.requestId);
});

test("computing in module scope beyond what is free is charged as background", async () => {
  await using runtime = await testRuntime();
  const { host } = await runtime.deploy("hello", bundle.replace("spin(3e6)", "spin(3e8)"));
  await callFunction(runtime, host, { path: "/" });
  await runtime.kill("SIGTERM");
  const background = await runtime.database.db.usageEvent.aggregate({
    where: { kind: "background" },
    _sum: { cpuNs: true },
  });
  expect(Number(background._sum.cpuNs ?? 0n)).toBeGreaterThan(50_000_000);
});

/** The one workerd below the runtime that has used the most: the warm ones wait. */
function configuredWorkerd(runtimePid: number): number {
  const pids = childrenOf(runtimePid).flatMap(childrenOf);
  const [busiest] = pids.toSorted((a, b) => (readCpuNs(b) ?? 0) - (readCpuNs(a) ?? 0));
  if (busiest === undefined) throw new Error("no instance runs");
  return busiest;
}

function childrenOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").trim().split(" ").filter(Boolean).map(Number),
  );
}
