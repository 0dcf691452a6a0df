import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { readSearchPath } from "#server/env.ts";
import { Fault } from "#server/std/fault.ts";
import { makeRunDir, reachableFile } from "#server/runtime/run-dir.ts";
import { bwrapHost, type BwrapOptions } from "./bwrap.ts";
import { openGroups, type GroupHost } from "./cgroups.ts";
import { adviceFor } from "./group-advice.ts";
import { findTrees, type FoundTrees } from "./group-trees.ts";
import { librariesOf } from "./libraries.ts";
import { resourceBounds } from "./rlimits.ts";
import type { SandboxHost } from "./sandbox.ts";
import { seccompProgram, type Architecture } from "./seccomp.ts";

/** The account of sandboxes when the platform runs as root: no system account has it. */
export const SANDBOX_UID = 61_001;

export type SandboxHostOptions = {
  runDir: string;
  /** The group that the operator made for control groups of ours, if any. */
  cgroupParent: string | undefined;
  openOutSocket: (uid: number | undefined) => BwrapOptions["openOutSocket"];
  onTrouble: BwrapOptions["onTrouble"];
  /** Another program than workerd within the same walls, to try them. */
  programPath?: string;
};

/** Prepares what sandboxes need on this machine, or says what is missing. */
export async function openSandboxHost(options: SandboxHostOptions): Promise<SandboxHost> {
  const { runDir, cgroupParent, openOutSocket, onTrouble, programPath } = options;
  if (process.platform !== "linux")
    throw new Fault("unavailable", "Functions need Linux: this system has no namespaces to sandbox them in.");
  if (!isOnPath("bwrap"))
    throw new Fault(
      "unavailable",
      "bubblewrap (bwrap) is not installed: run `sudo apt-get install bubblewrap`, then start again.",
    );
  makeRunDir(runDir);
  const socketDir = makeSocketDir(runDir);
  const uid = process.getuid?.() === 0 ? SANDBOX_UID : undefined;
  const binary = workerdBinary();
  return bwrapHost({
    workerdPath: reachableFile(programPath ?? binary, runDir),
    libraryPaths: await librariesOf(binary),
    socketDir,
    seccompPath: writeSeccompProgram(socketDir),
    groups: hostGroups(cgroupParent),
    bounds: resourceBounds(),
    uid,
    openOutSocket: openOutSocket(uid),
    onTrouble,
  });
}

/** One a process, as a successor may start while its predecessor still serves. Those of lives that are over go. */
function makeSocketDir(runDir: string): string {
  for (const name of readdirSync(runDir)) {
    const pid = /^s(\d+)$/.exec(name)?.[1];
    if (pid === undefined || (pid !== String(process.pid) && existsSync(`/proc/${pid}`))) continue;
    rmSync(join(runDir, name), { recursive: true, force: true });
  }
  const dir = join(runDir, `s${process.pid}`);
  mkdirSync(dir, { mode: 0o711 });
  return dir;
}

function writeSeccompProgram(dir: string): string {
  const path = join(dir, "seccomp.bpf");
  writeFileSync(path, seccompProgram(architecture()), { mode: 0o600 });
  return path;
}

function architecture(): Architecture {
  if (process.arch === "x64" || process.arch === "arm64") return process.arch;
  throw new Fault(
    "unavailable",
    `Functions need an x86-64 or arm64 processor: workerd does not exist for ${process.arch}.`,
  );
}

/** Where control groups may be made on this machine, and where not and why. */
export function hostTrees(cgroupParent: string | undefined): FoundTrees {
  return findTrees({
    mountDir: "/sys/fs/cgroup",
    ownGroups: readFileSync("/proc/self/cgroup", "utf8"),
    parent: cgroupParent,
    uid: process.getuid?.() ?? 0,
  });
}

/** An operator who names a group counts on it: where none of it can be used, nothing starts. */
function hostGroups(cgroupParent: string | undefined): GroupHost {
  const { trees, obstacles } = hostTrees(cgroupParent);
  const [first] = obstacles;
  if (cgroupParent !== undefined && trees.length === 0 && first) {
    const { reason, commands } = adviceFor(...first, process.getuid?.() ?? 0);
    throw new Fault(
      "unavailable",
      `No control groups can be made below CGROUP_PARENT=${cgroupParent}: ${reason}. Try: ${commands.join("; ")}`,
    );
  }
  return openGroups({ trees, pid: process.pid, isAlive: (pid) => existsSync(`/proc/${pid}`) });
}

/** workerd's npm package installs the binary through a package for each platform. */
function workerdBinary(): string {
  const name = `@cloudflare/workerd-linux-${{ x64: "64", arm64: "arm64" }[architecture()]}/package.json`;
  const resolver = createRequire(createRequire(import.meta.url).resolve("workerd/package.json"));
  return join(dirname(resolver.resolve(name)), "bin/workerd");
}

function isOnPath(program: string): boolean {
  return ["/usr/local/bin", "/usr/bin", "/bin", ...readSearchPath()].some((dir) => {
    try {
      accessSync(join(dir, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
