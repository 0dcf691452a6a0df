import type { CpuTotals } from "./cpu-account.ts";

/** CPU outside of requests that is free; beyond it, a tenant would compute there for nothing. */
export const FREE_START_NS = 100_000_000;
export const FREE_IDLE_NS_PER_S = 5_000_000;

export type BackgroundCpu = { unbilledNs: number; backgroundNs: number };

/**
 * Splits an instance's start-up and idle CPU so far into what is free and what is charged to the version as background.
 * Both only grow, so the differences between two calls are facts for the ledger.
 */
export function splitBackground(totals: CpuTotals, ageS: number): BackgroundCpu {
  const freeNs =
    Math.min(totals.startUpNs, FREE_START_NS) + Math.min(totals.idleNs, Math.floor(ageS * FREE_IDLE_NS_PER_S));
  return { unbilledNs: freeNs, backgroundNs: totals.startUpNs + totals.idleNs - freeNs };
}
