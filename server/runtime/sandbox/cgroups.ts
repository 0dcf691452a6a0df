import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { errnoOf } from "#server/std/fault.ts";

/**
 * Control groups, one a sandbox: memory that the kernel itself refuses, a share of the CPU, a number of tasks. Both
 * versions of the interface are spoken, as both are in use, and each controller is used where it is writable.
 */
export type Controller = "memory" | "cpu" | "pids";

export type GroupBounds = { memoryBytesMax: number };

export type Group = {
  /** Puts a process, which has no threads or children elsewhere yet, into the group. */
  add(pid: number): Promise<void>;
  bound(bounds: GroupBounds): void;
  /** How many processes of the group the kernel has killed for memory. */
  oomKills(): number;
  /** To be called when its processes are gone. */
  remove(): void;
};

export type GroupHost = { readonly controllers: readonly Controller[]; create(name: string): Group };

/** Tasks, threads included, in one sandbox. */
const TASKS_MAX = 64;
/** Of 1024, or of 100 in version 2: sandboxes yield to the platform when both want the CPU. */
const CPU_SHARES_V1 = 256;
const CPU_WEIGHT_V2 = 25;
const PREFIX = "sluice-";
const CONTROLLERS: readonly Controller[] = ["memory", "cpu", "pids"];

export type GroupOptions = {
  /** Where control groups are mounted, as a rule /sys/fs/cgroup. */
  mountDir: string;
  /** /proc/self/cgroup: in which group this process is, by controller. */
  ownGroups: string;
  /** Of this process; groups of processes that are gone are swept. */
  pid: number;
  isAlive: (pid: number) => boolean;
};

/**
 * Groups are only made where this process is in the root of a hierarchy, as in a container or on a plain host. A group
 * that something else put us into (systemd, a job runner) is its maker's to divide, and processes are never moved out
 * of it. There the watching from outside holds the limits alone (instances/limit-watch.ts).
 */
export function openGroups(options: GroupOptions): GroupHost {
  const own = parseOwnGroups(options.ownGroups);
  const dirs = new Map<Controller, { dir: string; version: 1 | 2 }>();
  for (const controller of CONTROLLERS) {
    const found = hierarchyOf(options.mountDir, controller, own);
    const dir = found && makeParent(found.dir, options);
    if (dir && found) dirs.set(controller, { dir, version: found.version });
  }
  for (const { dir } of dirs.values()) sweep(join(dir, ".."), options);
  return {
    controllers: [...dirs.keys()],
    create: (name) => createGroup(dirs, name),
  };
}

/** "4:memory:/a" and "0::/b" -> memory: /a, "" (version 2): /b. */
function parseOwnGroups(text: string): Map<string, string> {
  const groups = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [, names, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (names === undefined || path === undefined) continue;
    for (const name of names.split(",")) groups.set(name, path);
  }
  return groups;
}

function hierarchyOf(
  mountDir: string,
  controller: Controller,
  own: Map<string, string>,
): { dir: string; version: 1 | 2 } | undefined {
  if (own.get(controller) === "/") return { dir: join(mountDir, controller), version: 1 };
  const unified = join(mountDir, "cgroup.subtree_control");
  if (own.get("") !== "/" || !existsSync(unified)) return undefined;
  try {
    writeFileSync(unified, `+${controller}`);
    return { dir: mountDir, version: 2 };
  } catch {
    return undefined; // not ours to enable, or not built into the kernel
  }
}

/** This process's folder in a hierarchy, or undefined where none can be made. */
function makeParent(hierarchyDir: string, { pid }: GroupOptions): string | undefined {
  const dir = join(hierarchyDir, `${PREFIX}${pid}`);
  try {
    accessSync(hierarchyDir, constants.W_OK);
    mkdirSync(dir, { recursive: true });
    const control = join(dir, "cgroup.subtree_control");
    if (existsSync(control)) for (const controller of CONTROLLERS) tryWrite(control, `+${controller}`);
    return dir;
  } catch {
    return undefined;
  }
}

/** Removes groups of runtimes that were killed. The kernel refuses to remove a group that has processes. */
function sweep(hierarchyDir: string, { pid, isAlive }: GroupOptions): void {
  for (const name of readdirSync(hierarchyDir)) {
    const owner = Number(name.startsWith(PREFIX) ? name.slice(PREFIX.length) : "");
    if (!owner || (owner !== pid && isAlive(owner))) continue;
    const dir = join(hierarchyDir, name);
    for (const child of readdirSync(dir, { withFileTypes: true }))
      if (child.isDirectory()) tryRemove(join(dir, child.name));
    if (owner !== pid) tryRemove(dir);
  }
}

function createGroup(dirs: ReadonlyMap<Controller, { dir: string; version: 1 | 2 }>, name: string): Group {
  const groupDirs = new Set<string>();
  const fileOf = (controller: Controller, file: { v1: string; v2: string }): string | undefined => {
    const found = dirs.get(controller);
    return found && join(found.dir, name, found.version === 1 ? file.v1 : file.v2);
  };
  for (const { dir } of dirs.values()) groupDirs.add(join(dir, name));
  for (const dir of groupDirs) mkdirSync(dir);
  writeTo(fileOf("pids", { v1: "pids.max", v2: "pids.max" }), TASKS_MAX);
  const shares = fileOf("cpu", { v1: "cpu.shares", v2: "cpu.weight" });
  writeTo(shares, dirs.get("cpu")?.version === 2 ? CPU_WEIGHT_V2 : CPU_SHARES_V1);
  return {
    // Moving a process takes the kernel 0.1 ms, and now and then 12: not on the thread that serves everyone.
    add: async (pid) => {
      await Promise.all([...groupDirs].map((dir) => writeFile(join(dir, "cgroup.procs"), String(pid))));
    },
    bound: ({ memoryBytesMax }) => {
      writeTo(fileOf("memory", { v1: "memory.limit_in_bytes", v2: "memory.max" }), memoryBytesMax);
      // What swaps isn't bounded by the above; absent where the kernel counts no swap.
      const swap = fileOf("memory", { v1: "memory.memsw.limit_in_bytes", v2: "memory.swap.max" });
      if (swap) tryWrite(swap, String(dirs.get("memory")?.version === 2 ? 0 : memoryBytesMax));
    },
    oomKills: () => countOf(fileOf("memory", { v1: "memory.oom_control", v2: "memory.events" })),
    remove: () => {
      for (const dir of groupDirs) tryRemove(dir);
    },
  };
}

function countOf(path: string | undefined): number {
  if (path === undefined) return 0;
  try {
    return Number(/^oom_kill (\d+)/m.exec(readFileSync(path, "utf8"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

function writeTo(path: string | undefined, value: number): void {
  if (path !== undefined) writeFileSync(path, String(value));
}

function tryWrite(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch {
    // An older kernel, or a controller that the parent doesn't hand down: one bound fewer.
  }
}

const REMOVE_AGAIN_MS = 200;

/** The kernel lets go of a group a moment after its last process was reaped. */
function tryRemove(dir: string, again = 5): void {
  try {
    rmdirSync(dir);
  } catch (error) {
    if (errnoOf(error) === "EBUSY" && again > 0) setTimeout(() => tryRemove(dir, again - 1), REMOVE_AGAIN_MS).unref();
  }
}
