import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { errnoOf } from "#server/std/fault.ts";

const MOUNT_DIR = "/sys/fs/cgroup";
const CONTROLLERS = ["memory", "cpu", "pids"];
/** Of memory.limit_in_bytes, from here on: none. */
const NO_BOUND = 2 ** 60;

/** A group made for a test's own processes, or the kernel's word for why this machine has none to give. */
export type Delegation =
  | {
      kind: "made";
      parent: string;
      dirOf: (controller: string) => string;
      /** As many times what a group or process has as a rule. */
      weighCpu(factor: number): void;
      remove(): Promise<void>;
    }
  | { kind: "refused"; errno: string }
  /** Something bounds this process's memory: nothing of a test's is taken out of its bound. */
  | { kind: "bounded"; bytes: number };

/**
 * Makes a group as an operator does for Sluice: in each hierarchy of version 1, or below the root of version 2. In version 1
 * it lies below the group whose memory this process counts in, so that what a test starts goes on counting there.
 */
export function delegateGroup(label: string): Delegation {
  const ownGroups = readFileSync("/proc/self/cgroup", "utf8");
  const isVersion1 = /:memory:/.test(ownGroups);
  const name = join(/:memory:(.*)$/m.exec(ownGroups)?.[1] ?? "/", label);
  const bytes = ownMemoryBound(ownGroups);
  if (bytes < NO_BOUND) return { kind: "bounded", bytes };
  const dirOf = (controller: string): string => join(MOUNT_DIR, isVersion1 ? controller : "", name);
  const dirs = [...new Set(CONTROLLERS.map(dirOf))];
  /** The innermost first. */
  const made: string[] = [];
  try {
    if (!isVersion1) writeFileSync(join(MOUNT_DIR, "cgroup.subtree_control"), "+memory +cpu +pids");
    for (const dir of dirs) makeWithParents(dir, made);
  } catch (error) {
    for (const dir of made) rmdirSync(dir);
    return { kind: "refused", errno: errnoOf(error) ?? String(error) };
  }
  return {
    kind: "made",
    parent: name,
    dirOf,
    weighCpu(factor) {
      const [file, usual] = isVersion1 ? (["cpu.shares", 1024] as const) : (["cpu.weight", 100] as const);
      writeFileSync(join(dirOf("cpu"), file), String(factor * usual));
    },
    async remove() {
      for (const dir of made) await removeTree(dir);
    },
  };
}

function makeWithParents(dir: string, made: string[]): void {
  if (existsSync(dir)) return;
  makeWithParents(dirname(dir), made);
  mkdirSync(dir);
  made.unshift(dir);
}

function ownMemoryBound(ownGroups: string): number {
  const one = /:memory:(.*)$/m.exec(ownGroups)?.[1];
  if (one !== undefined) {
    const stat = readFileSync(join(MOUNT_DIR, "memory", one, "memory.stat"), "utf8");
    return Number(/^hierarchical_memory_limit (\d+)$/m.exec(stat)?.[1]);
  }
  const bounds: number[] = [];
  for (let dir = join(MOUNT_DIR, /^0::(.*)$/m.exec(ownGroups)?.[1] ?? ""); dir !== MOUNT_DIR; dir = join(dir, "..")) {
    const file = join(dir, "memory.max");
    if (existsSync(file)) bounds.push(Number(readFileSync(file, "utf8").replace("max", String(NO_BOUND))));
  }
  return Math.min(NO_BOUND, ...bounds);
}

/** Removes a group and those below it; the kernel lets go of each a moment after its last process. */
async function removeTree(dir: string): Promise<void> {
  for (const child of readdirSync(dir, { withFileTypes: true }))
    if (child.isDirectory()) await removeTree(join(dir, child.name));
  for (let tries = 1; ; tries += 1) {
    try {
      return rmdirSync(dir);
    } catch (error) {
      if (errnoOf(error) !== "EBUSY" || tries > 40) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
