import { setTimeout as wait } from "node:timers/promises";
import type { BareWorkerd } from "./bare-workerd.ts";
import type { BenchDatabase } from "./database.ts";
import { helloBundle } from "./hello-function.ts";
import { callOnce } from "./load.ts";
import { percentile } from "./percentile.ts";
import type { Platform } from "./platform-under-test.ts";

const COLD_FUNCTIONS = 40;
/** Between cold starts the warm pool refills itself, as it does in life. */
const PAUSE_MS = 150;

export type Spread = { p50Ms: number; p99Ms: number };
export type ColdResult = {
  gateway: Spread;
  gatewayEmptyPool: Spread;
  workerdText: Spread;
  workerdBinary: Spread;
  samples: number;
};

/** Functions that nobody has called yet: the first call of each is a start from zero. */
export async function addColdFunctions(database: BenchDatabase): Promise<string[]> {
  const hosts: string[] = [];
  for (let i = 0; i < COLD_FUNCTIONS; i += 1) hosts.push((await database.addFunction(`cold-${i}`, helloBundle)).host);
  return hosts;
}

/** One start of each kind in turn. `emptyPool` is a second runtime that keeps no sandboxes ahead. */
export async function measureCold(
  hosts: readonly string[],
  parts: { platform: Platform; emptyPool: Platform; bare: BareWorkerd },
): Promise<ColdResult> {
  const { platform, emptyPool, bare } = parts;
  const timesMs = { gateway: [] as number[], empty: [] as number[], text: [] as number[], binary: [] as number[] };
  for (const host of hosts) {
    timesMs.gateway.push((await callOnce({ port: platform.gatewayPort }, host)).firstByteMs);
    await wait(PAUSE_MS);
    timesMs.text.push(await bare.spawnToFirstByteMs("text"));
    await wait(PAUSE_MS / 3);
    timesMs.empty.push((await callOnce({ port: emptyPool.gatewayPort }, host)).firstByteMs);
    await wait(PAUSE_MS / 3);
    timesMs.binary.push(await bare.spawnToFirstByteMs("binary"));
    await wait(PAUSE_MS / 3);
  }
  return {
    gateway: spread(timesMs.gateway),
    gatewayEmptyPool: spread(timesMs.empty),
    workerdText: spread(timesMs.text),
    workerdBinary: spread(timesMs.binary),
    samples: hosts.length,
  };
}

export function spread(timesMs: readonly number[]): Spread {
  return { p50Ms: percentile(timesMs, 50), p99Ms: percentile(timesMs, 99) };
}
