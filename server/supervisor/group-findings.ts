import { readFileSync } from "node:fs";
import { adviceFor } from "#server/runtime/sandbox/group-advice.ts";
import { CONTROLLERS, type Controller, type FoundTrees } from "#server/runtime/sandbox/group-trees.ts";
import { probeVersion } from "#server/runtime/sandbox/probe-host.ts";
import { memoryBytesBound, type SandboxHost } from "#server/runtime/sandbox/sandbox.ts";
import { must, type Finding } from "./finding.ts";

const PROBE_MS_MAX = 60_000;
const MB = 1024 * 1024;

/** What holds where the kernel doesn't. */
const instead: Record<Controller, string> = {
  memory: "the runtime looks every 60 ms and ends who holds too much; a sudden burst may pass the limit for that long",
  cpu: "no fair share by the kernel: an organization takes CPU by its number of instances; the CPU limit of a request holds all the same",
  pids: "the list of system calls refuses processes all the same",
};

/** Whether the operator's group is what it should be, and what the machine has for each controller. */
export function groupFindings({ trees, obstacles }: FoundTrees, cgroupParent: string | undefined): Finding[] {
  const places = trees.map(
    ({ version, controllers, dir }) => `${controllers.join(", ")} below ${dir} (version ${version})`,
  );
  const parent: Finding =
    cgroupParent === undefined
      ? {
          wall: "CGROUP_PARENT",
          state: obstacles.size === 0 ? "holds" : "absent",
          detail: isSetOrNeeded(obstacles.size > 0),
        }
      : must("CGROUP_PARENT", !obstacles.has("memory"), `${cgroupParent}: ${places.join("; ") || "of no use here"}`);
  const absent = CONTROLLERS.flatMap((controller): Finding[] => {
    const obstacle = obstacles.get(controller);
    if (!obstacle) return [];
    const { reason, commands } = adviceFor(controller, obstacle, process.getuid?.() ?? 0);
    return [
      { wall: `control group: ${controller}`, state: "absent", detail: `${reason}; ${instead[controller]}`, commands },
    ];
  });
  return [parent, ...absent];
}

function isSetOrNeeded(isNeeded: boolean): string {
  return isNeeded ? "not set, and without it some control groups are not made" : "not set, and not needed here";
}

/** Tries the groups that there are on real sandboxes: one that takes memory without end, one that only runs. */
export async function liveGroupFindings(host: SandboxHost, controllers: readonly Controller[]): Promise<Finding[]> {
  const findings: Finding[] = [];
  if (controllers.includes("memory")) findings.push(await memoryFinding(host));
  if (controllers.includes("cpu")) findings.push(await fairnessFinding(host));
  if (controllers.includes("pids"))
    findings.push({ wall: "control group: pids", state: "holds", detail: "one group a sandbox" });
  return findings;
}

async function memoryFinding(host: SandboxHost): Promise<Finding> {
  const limits = { memoryMbMax: 32 };
  const sandbox = await host.start();
  for (const stream of sandbox.output) stream.resume();
  sandbox.configure(
    probeVersion("const kept = []; for (;;) kept.push(new Uint8Array(4e6).fill(1)); export default {};", limits),
  );
  const timer = setTimeout(() => void sandbox.kill(), PROBE_MS_MAX);
  const { code, isOutOfMemory } = await sandbox.exited;
  clearTimeout(timer);
  const bound = `${memoryBytesBound(limits) / MB} MB`;
  return must(
    "control group: memory",
    isOutOfMemory,
    isOutOfMemory
      ? `a sandbox that took memory without end was ended by the kernel at ${bound} (exit ${code})`
      : `a sandbox was not ended at ${bound} by the kernel (exit ${code})`,
  );
}

async function fairnessFinding(host: SandboxHost): Promise<Finding> {
  const version = probeVersion(`export default { fetch: () => new Response("x") };`);
  const sandbox = await host.start();
  for (const stream of sandbox.output) stream.resume();
  sandbox.configure(version);
  const isAmongItsOwn = await within(PROBE_MS_MAX, () =>
    readFileSync(`/proc/${sandbox.pid}/cgroup`, "utf8").includes(`/${version.organizationId}/`),
  );
  await sandbox.kill();
  return must(
    "control group: cpu",
    isAmongItsOwn,
    isAmongItsOwn
      ? "one group an organization, with equal shares of the CPU, and its sandboxes in it"
      : "a sandbox was not moved into its organization's group",
  );
}

async function within(timeMsMax: number, holds: () => boolean): Promise<boolean> {
  const deadline = performance.now() + timeMsMax;
  while (performance.now() < deadline) {
    if (holds()) return true;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return false;
}
