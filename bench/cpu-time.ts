import { readdirSync, readFileSync } from "node:fs";

const TICKS_PER_S = 100;

/** CPU seconds that a process and all of its descendants, living and ended, have used so far. */
export function treeCpuS(rootPid: number): number {
  const processes = readdirSync("/proc").flatMap((name) => (/^\d+$/.test(name) ? (readStat(Number(name)) ?? []) : []));
  const tree = new Set([rootPid]);
  for (let size = 0; size !== tree.size;) {
    size = tree.size;
    for (const { pid, parent } of processes) if (tree.has(parent)) tree.add(pid);
  }
  return processes.reduce((sum, one) => sum + (tree.has(one.pid) ? one.ticks : 0), 0) / TICKS_PER_S;
}

/** Undefined for one that ended while we looked; its time then stands with its parent. */
function readStat(pid: number): { pid: number; parent: number; ticks: number } | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return undefined;
  }
  // The name in brackets may hold blanks; the fields after it may not.
  const fields = text
    .slice(text.lastIndexOf(")") + 2)
    .split(" ")
    .map(Number);
  const [parent = 0, userTicks = 0, systemTicks = 0, childUser = 0, childSystem = 0] = [1, 11, 12, 13, 14].map(
    (index) => fields[index],
  );
  return { pid, parent, ticks: userTicks + systemTicks + childUser + childSystem };
}
