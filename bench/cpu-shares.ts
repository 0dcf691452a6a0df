import { readdirSync, readFileSync } from "node:fs";
import { readCpuNs } from "#server/runtime/meter/cpu-clock.ts";
import { median } from "./percentile.ts";
import { processTree, type Process } from "./process-tree.ts";

/** How the labels of the runtime's own processes begin. */
export const GATEWAY = "gateway: ";

/** What Node calls a worker that was given no name. */
const NO_NAME = "WorkerThread";

/** CPU used so far by whom, in microseconds, by the kernel's clocks. */
export type CpuReading = Map<string, { label: string; cpuUs: number; isSandbox: boolean }>;

/** What a stretch of time cost, by label, dearest first. */
export type CpuShare = { label: string; cpuUs: number };

/**
 * Reads the clocks of a runtime's processes, thread by thread for its own and one figure each for the sandboxes, and
 * of Postgres. Threads go by the name that they give themselves, since the bench knows nothing else of the inside.
 */
export function readCpu(runtimePid: number, benchPid: number): CpuReading {
  const reading: CpuReading = new Map();
  for (const one of processTree(runtimePid)) {
    if (one.name === "workerd") readProcess(reading, one, { label: "instance (workerd)", isSandbox: true });
    else if (one.name === "bwrap")
      readProcess(reading, one, { label: "bwrap, which watches over a sandbox", isSandbox: true });
    else readThreads(reading, one, one.pid === runtimePid ? GATEWAY : `${GATEWAY}another process, `);
  }
  for (const one of processTree(benchPid)) {
    if (one.name === "postgres") readProcess(reading, one, { label: "Postgres", isSandbox: false });
  }
  return reading;
}

/** Sandboxes that were started in between go by a label of their own, where one is given. */
export function sharesBetween(before: CpuReading, after: CpuReading, newSandboxes?: string): CpuShare[] {
  const sums = new Map<string, number>();
  for (const [key, { label, cpuUs, isSandbox }] of after) {
    const known = before.get(key);
    const name = isSandbox && !known ? (newSandboxes ?? label) : label;
    sums.set(name, (sums.get(name) ?? 0) + cpuUs - (known?.cpuUs ?? 0));
  }
  return [...sums].map(([label, cpuUs]) => ({ label, cpuUs })).toSorted(dearestFirst);
}

/** Of each label the median of many readings; one that a reading lacks cost nothing in it. */
export function medianShares(readings: readonly (readonly CpuShare[])[]): CpuShare[] {
  const labels = new Set(readings.flatMap((shares) => shares.map(({ label }) => label)));
  return [...labels]
    .map((label) => ({
      label,
      cpuUs: median(readings.map((shares) => shares.find((share) => share.label === label)?.cpuUs ?? 0)),
    }))
    .toSorted(dearestFirst);
}

function dearestFirst(a: CpuShare, b: CpuShare): number {
  return b.cpuUs - a.cpuUs;
}

function readProcess(reading: CpuReading, { pid }: Process, of: { label: string; isSandbox: boolean }): void {
  reading.set(String(pid), { ...of, cpuUs: (readCpuNs(pid) ?? 0) / 1000 });
}

function readThreads(reading: CpuReading, { pid }: Process, owner: string): void {
  let threadsUs = 0;
  let unnamed = 0;
  const inOrder = readdirSync(`/proc/${pid}/task`).toSorted((a, b) => Number(a) - Number(b));
  for (const tid of inOrder) {
    const cpuUs = threadCpuUs(pid, tid);
    threadsUs += cpuUs;
    const name = nameOf(pid, tid);
    // By the order of their start, so that they are at least told apart.
    const what = name === NO_NAME ? `worker thread ${(unnamed += 1)}, which has no name` : threadLabel(name);
    reading.set(`${pid}/${tid}`, { label: `${owner}${what}`, cpuUs, isSandbox: false });
  }
  const wholeUs = (readCpuNs(pid) ?? 0) / 1000;
  const endedUs = Math.max(0, wholeUs - threadsUs);
  reading.set(`${pid}/ended`, { label: `${owner}threads that ended`, cpuUs: endedUs, isSandbox: false });
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
