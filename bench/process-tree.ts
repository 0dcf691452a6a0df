import { readdirSync, readFileSync } from "node:fs";
import { readCpuNs } from "#server/runtime/meter/cpu-clock.ts";

/** A process as /proc shows it: `name` is what it calls its main thread. */
export type Process = { pid: number; parentPid: number; name: string };

/** A process and all that descend from it, in no order. Empty when it is gone. */
export function processTree(rootPid: number): Process[] {
  const all = allProcesses();
  const childrenOf = Map.groupBy(all, ({ parentPid }) => parentPid);
  const found = all.filter(({ pid }) => pid === rootPid);
  for (const parent of found) found.push(...(childrenOf.get(parent.pid) ?? [])); // also what is pushed meanwhile
  return found;
}

/** The sandboxed processes below a runtime: those that run functions or wait to, and the bwrap that watches each. */
export function sandboxesOf(runtimePid: number): { workerds: Process[]; watchers: Process[] } {
  const tree = processTree(runtimePid);
  return {
    workerds: tree.filter(({ name }) => name === "workerd"),
    watchers: tree.filter(({ name }) => name === "bwrap"),
  };
}

/** The runtime's own processes: all of its tree but sandboxes. */
export function ownProcessesOf(runtimePid: number): Process[] {
  return processTree(runtimePid).filter(({ name }) => name !== "workerd" && name !== "bwrap");
}

/** CPU that processes have used so far, ended threads included, in microseconds. */
export function cpuUsOf(processes: readonly Process[]): number {
  return processes.reduce((sum, { pid }) => sum + (readCpuNs(pid) ?? 0) / 1000, 0);
}

/** Memory in bytes: resident, its share of what several map, and what it alone has. */
export type Memory = { rss: number; pss: number; own: number };

export function memoryOf(processes: readonly Process[]): Memory {
  const sum = { rss: 0, pss: 0, own: 0 };
  for (const { pid } of processes) {
    const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
    sum.rss += kilobytes(rollup, "Rss") * 1024;
    sum.pss += kilobytes(rollup, "Pss") * 1024;
    sum.own += (kilobytes(rollup, "Private_Clean") + kilobytes(rollup, "Private_Dirty")) * 1024;
  }
  return sum;
}

function kilobytes(rollup: string, field: string): number {
  const [, value] = new RegExp(`^${field}: +(\\d+) kB`, "m").exec(rollup) ?? [];
  if (value === undefined) throw new Error(`/proc says nothing of ${field}`);
  return Number(value);
}

function allProcesses(): Process[] {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.flatMap((pid) => {
    const stat = read(`/proc/${pid}/stat`);
    // "1234 (name, which may hold blanks and brackets) S 1 …"
    const [, name = "", parent] = /^\d+ \((.*)\) . (\d+)/s.exec(stat) ?? [];
    return parent === undefined ? [] : [{ pid: Number(pid), parentPid: Number(parent), name }];
  });
}

/** Empty when the process went while we looked. */
function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
