import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { chown } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hostGroups, openSandboxHost, SANDBOX_UID } from "#server/runtime/sandbox/open-host.ts";
import { readProcessWalls, type ProcessWalls } from "#server/runtime/sandbox/process-walls.ts";
import { messageOf } from "#server/std/fault.ts";

/**
 * `npm run doctor`: starts one sandbox as the runtime does, asks the kernel which walls stand around it, and prints them.
 * Exit code 1 when one is missing that must hold everywhere; what depends on the machine is told with what holds instead.
 */
type Finding = { wall: string; state: "holds" | "missing" | "absent"; detail: string };

const NO_CAPABILITIES = "0000000000000000";
const NAMESPACES = 7;

function inspect({ status, ownNamespaces, limits, interfaces }: ProcessWalls): Finding[] {
  const must = (wall: string, holds: boolean, detail: string): Finding => ({
    wall,
    state: holds ? "holds" : "missing",
    detail,
  });
  const uid = Number(status.get("Uid")?.split("\t")[0]);
  const wantedUid = process.getuid?.() === 0 ? SANDBOX_UID : process.getuid?.();
  const capabilities = ["CapPrm", "CapEff", "CapBnd"].map((set) => status.get(set));
  return [
    must("namespaces", ownNamespaces.length === NAMESPACES, `its own: ${ownNamespaces.join(" ")}`),
    must(
      "no network",
      interfaces.every((name) => name === "lo"),
      `interfaces: ${interfaces.join(" ")}`,
    ),
    must(
      "system calls",
      status.get("Seccomp") === "2",
      `Seccomp ${status.get("Seccomp")}, 2 is a list of allowed calls`,
    ),
    must("no new privileges", status.get("NoNewPrivs") === "1", `NoNewPrivs ${status.get("NoNewPrivs")}`),
    must(
      "capabilities",
      capabilities.every((set) => set === NO_CAPABILITIES),
      `CapPrm CapEff CapBnd ${capabilities.join(" ")}`,
    ),
    must("account", uid === wantedUid && uid !== 0, `uid ${uid} on the host`),
    must(
      "file size, core",
      limits.get("Max file size") === "0" && limits.get("Max core file size") === "0",
      "no file grows, no core is written",
    ),
    must("open files", Number(limits.get("Max open files")) <= 2_048, `${limits.get("Max open files")} at most`),
    tasks(limits.get("Max processes")),
  ];
}

function tasks(soft: string | undefined): Finding {
  if (Number(soft) <= 32) return { wall: "threads", state: "holds", detail: `${soft} at most, by the kernel's limit` };
  return {
    wall: "threads",
    state: "absent",
    detail:
      "no limit of its own: the list of system calls refuses processes, and the control group counts threads where there is one",
  };
}

function controlGroups(): Finding[] {
  const { controllers } = hostGroups();
  const instead = {
    memory:
      "the runtime looks every 60 ms and ends who holds too much; a sudden burst may pass the limit for that long",
    cpu: "no share by the kernel; the CPU limit of a request holds all the same",
    pids: "the list of system calls refuses processes all the same",
  };
  return (["memory", "cpu", "pids"] as const).map((controller) => ({
    wall: `control group: ${controller}`,
    state: controllers.includes(controller) ? "holds" : "absent",
    detail: controllers.includes(controller) ? "one group a sandbox" : instead[controller],
  }));
}

async function inspectSandbox(): Promise<Finding[]> {
  const runDir = mkdtempSync(join(tmpdir(), "sluice-doctor-"));
  chmodSync(runDir, 0o711);
  try {
    const host = await openSandboxHost(runDir, (uid) => async (path) => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(path, resolve));
      if (uid !== undefined) await chown(path, uid, uid);
      const close = () => new Promise<void>((resolve) => server.close(() => resolve()));
      return { configure: () => undefined, close }; // no function comes, and so nothing leaves
    });
    const sandbox = await host.start();
    // workerd waits for its configuration; by then bwrap has become it, and all walls stand.
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    const findings = inspect(readProcessWalls(sandbox.pid));
    await sandbox.kill();
    return [{ wall: "sandbox", state: "holds", detail: "one was started and ended" }, ...findings];
  } catch (error) {
    return [{ wall: "sandbox", state: "missing", detail: messageOf(error) }];
  } finally {
    rmSync(runDir, { recursive: true, force: true });
  }
}

const SETTLE_MS = 500;

function bubblewrap(): Finding {
  try {
    return {
      wall: "bubblewrap",
      state: "holds",
      detail: execFileSync("bwrap", ["--version"], { encoding: "utf8" }).trim(),
    };
  } catch {
    return { wall: "bubblewrap", state: "missing", detail: "install it: sudo apt-get install bubblewrap" };
  }
}

const findings = [bubblewrap(), ...(await inspectSandbox()), ...controlGroups()];
for (const { wall, state, detail } of findings) console.log(`${state.padEnd(8)} ${wall.padEnd(24)} ${detail}`);
const missing = findings.filter(({ state }) => state === "missing").length;
console.log(
  missing === 0
    ? "Every wall that must hold does."
    : `${missing} missing: do not run other people's code on this machine.`,
);
process.exit(missing === 0 ? 0 : 1);
