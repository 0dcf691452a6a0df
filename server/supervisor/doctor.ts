import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { loadEnvFile } from "node:process";
import { EnvError, readDoctorEnv } from "#server/env.ts";
import { hostTrees } from "#server/runtime/sandbox/open-host.ts";
import { openProbeHost } from "#server/runtime/sandbox/probe-host.ts";
import { readProcessWalls, type ProcessWalls } from "#server/runtime/sandbox/process-walls.ts";
import type { SandboxHost } from "#server/runtime/sandbox/sandbox.ts";
import { messageOf } from "#server/std/fault.ts";
import type { Finding } from "./finding.ts";
import { groupFindings, liveGroupFindings } from "./group-findings.ts";
import { processFindings } from "./process-findings.ts";

/**
 * `npm run doctor`: starts sandboxes as the runtime does, asks the kernel which walls stand around them, tries those
 * that can be tried, and prints what it found. Exit code 1 when one is missing that must hold everywhere, or that the
 * operator has asked for; what depends on the machine is told with what holds instead, and the commands that change it.
 */
const SETTLE_MS = 5_000;
const ENV_FILE = join(import.meta.dirname, "../../.env");

async function inspectSandboxes(cgroupParent: string | undefined): Promise<Finding[]> {
  const troubles: Finding[] = [];
  const found = hostTrees(cgroupParent);
  const groups = groupFindings(found, cgroupParent);
  try {
    await using host = await openProbeHost({
      cgroupParent,
      onTrouble: (message, error) =>
        troubles.push({ wall: "sandbox", state: "missing", detail: `${message}: ${messageOf(error)}` }),
    });
    const walls = processFindings(await wallsOfOne(host));
    const controllers = found.trees.flatMap(({ controllers }) => controllers);
    const live = await liveGroupFindings(host, controllers);
    return [
      { wall: "sandbox", state: "holds", detail: "one was started and ended" },
      ...walls,
      ...groups,
      ...live,
      ...troubles,
    ];
  } catch (error) {
    return [{ wall: "sandbox", state: "missing", detail: messageOf(error) }, ...groups, ...troubles];
  }
}

/** Of a sandbox that waits for its configuration: by then bwrap has become workerd, and all walls stand. */
async function wallsOfOne(host: SandboxHost): Promise<ProcessWalls> {
  const sandbox = await host.start();
  const deadline = performance.now() + SETTLE_MS;
  let walls = readProcessWalls(sandbox.pid);
  while (walls.status.get("Name") !== "workerd" && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    walls = readProcessWalls(sandbox.pid);
  }
  await sandbox.kill();
  return walls;
}

function bubblewrap(): Finding {
  try {
    return {
      wall: "bubblewrap",
      state: "holds",
      detail: execFileSync("bwrap", ["--version"], { encoding: "utf8" }).trim(),
    };
  } catch {
    return {
      wall: "bubblewrap",
      state: "missing",
      detail: "it is not installed",
      commands: ["sudo apt-get install bubblewrap"],
    };
  }
}

function print(findings: readonly Finding[]): void {
  for (const { wall, state, detail, commands = [] } of findings) {
    console.log(`${state.padEnd(8)} ${wall.padEnd(24)} ${detail}`);
    for (const command of commands) console.log(`${" ".repeat(34)}$ ${command}`);
  }
  const missing = findings.filter(({ state }) => state === "missing").length;
  console.log(
    missing === 0
      ? "Every wall that must hold does."
      : `${missing} missing: do not run other people's code on this machine.`,
  );
  process.exitCode = missing === 0 ? 0 : 1;
}

try {
  if (existsSync(ENV_FILE)) loadEnvFile(ENV_FILE); // as `npm start` does; what is set already wins
  print([bubblewrap(), ...(await inspectSandboxes(readDoctorEnv().CGROUP_PARENT))]);
} catch (error) {
  if (!(error instanceof EnvError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
