import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { readCpuNs } from "./meter/cpu-clock.ts";
import { descendants } from "./sandbox/process-walls.ts";
import { delegateGroup } from "./sandbox/test-delegation.ts";
import { askNeighbour, NEIGHBOUR_BUNDLE } from "./test-neighbour.ts";
import { callFunction, eventually, testRuntime, type TestRuntime } from "./test-runtime.ts";

const SPIN_MS = 60_000;
const SETTLE_MS = 1_500;
const MEASURE_MS = 6_000;
const MANY = 6;

const spinning = `export default { fetch(request) {
  if (new URL(request.url).pathname === "/") return new Response("ready");
  const end = Date.now() + ${SPIN_MS};
  while (Date.now() < end);
  return new Response("spun");
} };`;
const limits = { concurrencyPerInstanceMax: 1, cpuMsMax: 60_000, wallMsMax: 60_000 };

test("an organization with six busy instances and one with a single one share the CPU evenly, and a third has its answers; where no group may be made, the test says why", async () => {
  const delegation = delegateGroup(`sluice-test-fairness-${process.pid}`);
  if (delegation.kind === "refused")
    return expect(["EACCES", "EPERM", "EROFS", "ENOENT", "EBUSY"]).toContain(delegation.errno);
  if (delegation.kind === "bounded") return expect(delegation.bytes).toBeGreaterThan(0);
  // What else runs on the machine is not part of the measure, and slows it: the group is worth a few processes.
  delegation.weighCpu(4);
  try {
    const apart = await shareOfMany(delegation.parent, "one");
    expect(apart.neighbour.wrong).toEqual([]);
    expect(apart.neighbour.asked).toBeGreaterThan(10);
    // The same load within one organization: its instances share evenly, so that the measure is seen to tell the two apart.
    const together = await shareOfMany(delegation.parent, "many");
    expect(apart.ratio).toBeLessThan(2.5);
    expect(together.ratio).toBeGreaterThan(3.5);
  } finally {
    await delegation.remove();
  }
});

/** How much more CPU six spinning instances of "many" get than one that belongs to `other`. */
async function shareOfMany(parent: string, other: string) {
  await using runtime = await testRuntime({ CGROUP_PARENT: parent, LOG_LEVEL: "warn" });
  const deploy = (name: string, bundle: string, { instancesMax, of }: { instancesMax: number; of: string }) =>
    runtime.deploy(`${name}-${other}`, bundle, { ...limits, instancesMax }, of);
  const one = await deploy("one", spinning, { instancesMax: 1, of: other });
  await callFunction(runtime, one.host);
  const ofOne = instancesOf(runtime, one.organizationId);
  const many = await deploy("many", spinning, { instancesMax: MANY, of: "many" });
  const hello = await deploy("hello", NEIGHBOUR_BUNDLE, { instancesMax: 1, of: "third" });
  // They spin for as long as the measure may take, and end with the runtime.
  const spins = [one, ...Array.from({ length: MANY }, () => many)].map(({ host }) =>
    callFunction(runtime, host, { path: "/spin" }).catch(() => undefined),
  );
  let ofMany: number[] = [];
  for (let tries = 0; ofMany.length < MANY && tries < 3; tries += 1)
    ofMany = await eventually(
      async () => instancesOf(runtime, many.organizationId).filter((pid) => !ofOne.includes(pid)),
      (pids) => pids.length === MANY,
    );
  expect([ofOne.length, ofMany.length]).toEqual([1, MANY]);
  const neighbour = askNeighbour(runtime, hello.host);
  await sleep(SETTLE_MS);
  const before = [cpuNsOf(ofMany), cpuNsOf(ofOne)];
  await sleep(MEASURE_MS);
  const [usedByMany = 0, usedByOne = 0] = [cpuNsOf(ofMany), cpuNsOf(ofOne)].map((ns, at) => ns - (before[at] ?? 0));
  const asked = await neighbour.stop();
  await runtime.kill("SIGKILL");
  await Promise.all(spins);
  return { ratio: usedByMany / usedByOne, neighbour: asked };
}

/** Sandboxes that are in the group of an organization, in the order of their pids. */
function instancesOf(runtime: TestRuntime, organizationId: string): number[] {
  return descendants(runtime.pid(), "workerd")
    .filter((pid) => groupsOf(pid).includes(`/${organizationId}/`))
    .toSorted((a, b) => a - b);
}

function groupsOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cgroup`, "utf8");
  } catch {
    return ""; // it ended while we looked
  }
}

function cpuNsOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + (readCpuNs(pid) ?? 0), 0);
}
