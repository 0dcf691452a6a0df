import { readdirSync, readFileSync } from "node:fs";
import { readCpuNs } from "#server/runtime/meter/cpu-clock.ts";
import { processTree, type Process } from "./process-tree.ts";

/** CPU used so far by whom, in microseconds, by the kernel's clocks. */
export type CpuReading = Map<string, { label: string; cpuUs: number }>;

/** What a stretch of time cost, by label, dearest first. */
export type CpuShare = { label: string; cpuUs: number };

/**
 * Reads the clocks of a runtime's processes, thread by thread for its own and one figure each for the sandboxes, and
 * of Postgres. Threads go by the name that they give themselves, since the bench knows nothing else of the inside.
 */
export function readCpu(runtimePid: number, benchPid: number): CpuReading {
  const reading: CpuReading = new Map();
  for (const one of processTree(runtimePid)) {
    if (one.name === "workerd") readProcess(reading, one, "instance (workerd)");
    else if (one.name === "bwrap") readProcess(reading, one, "bwrap, which watches over a sandbox");
    else readThreads(reading, one, one.pid === runtimePid ? "gateway process" : "another process of the runtime");
  }
  for (const one of processTree(benchPid)) {
    if (one.name === "postgres") readProcess(reading, one, "Postgres");
  }
  return reading;
}

export function sharesBetween(before: CpuReading, after: CpuReading): CpuShare[] {
  const sums = new Map<string, number>();
  for (const [key, { label, cpuUs }] of after)
    sums.set(label, (sums.get(label) ?? 0) + cpuUs - (before.get(key)?.cpuUs ?? 0));
  return [...sums].map(([label, cpuUs]) => ({ label, cpuUs })).toSorted((a, b) => b.cpuUs - a.cpuUs);
}

function readProcess(reading: CpuReading, { pid }: Process, label: string): void {
  reading.set(String(pid), { label, cpuUs: (readCpuNs(pid) ?? 0) / 1000 });
}

function readThreads(reading: CpuReading, { pid }: Process, owner: string): void {
  let threadsUs = 0;
  for (const tid of readdirSync(`/proc/${pid}/task`)) {
    const cpuUs = threadCpuUs(pid, tid);
    threadsUs += cpuUs;
    reading.set(`${pid}/${tid}`, { label: `${owner}: ${threadLabel(nameOf(pid, tid))}`, cpuUs });
  }
  const wholeUs = (readCpuNs(pid) ?? 0) / 1000;
  reading.set(`${pid}/ended`, { label: `${owner}: threads that ended`, cpuUs: Math.max(0, wholeUs - threadsUs) });
}

/** What Node's own threads do; others say it themselves. */
function threadLabel(name: string): string {
  switch (name) {
    case "node":
    case "MainThread":
      return "main thread";
    case "V8Worker":
    case "DelayedTaskSche":
      return "V8's helpers (garbage collection, compiling)";
    case "libuv-worker":
      return "libuv's threads (file system)";
    case "WorkerThread":
      return "worker thread without a name";
    default:
      return `thread "${name}"`;
  }
}

function nameOf(pid: number, tid: string): string {
  return readTask(pid, tid, "comm").trim();
}

/** The first figure of schedstat is the time on a processor in nanoseconds. */
function threadCpuUs(pid: number, tid: string): number {
  return Number(readTask(pid, tid, "schedstat").split(" ")[0] || 0) / 1000;
}

/** Empty when the thread ended while we looked. */
function readTask(pid: number, tid: string, file: "comm" | "schedstat"): string {
  try {
    return readFileSync(`/proc/${pid}/task/${tid}/${file}`, "utf8");
  } catch {
    return "";
  }
}
