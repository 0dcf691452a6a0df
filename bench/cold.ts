import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { medianShares, readCpu, sharesBetween, type CpuShare } from "./cpu-shares.ts";
import { helloBundle } from "./hello-function.ts";
import { callOnce } from "./load.ts";
import { both, precise, table, times } from "./markdown.ts";
import { atMost, type Findings, type Stage } from "./part.ts";
import { median, spread, type Spread } from "./percentile.ts";
import { startPlatform, type Platform } from "./platform-under-test.ts";

const COLD_FUNCTIONS = 100;
/** Between cold starts the warm pool refills itself, as it does in life. */
const PAUSE_MS = 150;
const SETTLE_MS = 1_000;
const SHOWN_US_MIN = 50;

type Kind = "gateway" | "emptyPool" | "workerdText" | "workerdBinary";

/** Functions that nobody has called yet: the first call of each is a start from zero. One start of each kind in turn. */
export async function coldPart({ postgres, dir, bare, say }: Stage): Promise<Findings> {
  await using database = await postgres.openDatabase();
  const names = Array.from({ length: COLD_FUNCTIONS }, (_, i) => ({ name: `cold-${i}`, bundle: helloBundle }));
  const functions = await database.addFunctions(await database.addOrganization("bench"), names);
  await using platform = await startPlatform(database, { dir: join(dir, "runtime") });
  await using emptyPool = await startPlatform(database, { dir: join(dir, "empty"), env: { WARM_POOL_SIZE: "0" } });
  const timesMs: Record<Kind, number[]> = { gateway: [], emptyPool: [], workerdText: [], workerdBinary: [] };
  const costs = { gateway: [] as CpuShare[][], bareUs: [] as number[] };
  say("cold starts: gateway and bare workerd in turns");
  await wait(SETTLE_MS); // the first of the pool are ready, and the starts of the processes themselves are over
  for (const { host } of functions) {
    const { firstByteMs, shares } = await startOnce(platform, host);
    timesMs.gateway.push(firstByteMs);
    costs.gateway.push(shares);
    await wait(PAUSE_MS);
    timesMs.workerdText.push((await bare.start("text")).firstByteMs);
    await wait(PAUSE_MS / 3);
    timesMs.emptyPool.push((await callOnce({ port: emptyPool.gatewayPort }, host)).firstByteMs);
    await wait(PAUSE_MS / 3);
    const binary = await bare.start("binary");
    timesMs.workerdBinary.push(binary.firstByteMs);
    costs.bareUs.push(binary.cpuUs);
    await wait(PAUSE_MS / 3);
  }
  const spreads = {
    gateway: spread(timesMs.gateway),
    emptyPool: spread(timesMs.emptyPool),
    workerdText: spread(timesMs.workerdText),
    workerdBinary: spread(timesMs.workerdBinary),
  };
  return findings(spreads, { shares: medianShares(costs.gateway), bareUs: median(costs.bareUs) });
}

/** The time of a start, and the CPU that all who take part in it used by then. */
async function startOnce(platform: Platform, host: string): Promise<{ firstByteMs: number; shares: CpuShare[] }> {
  const before = readCpu(platform.pid, process.pid);
  const { firstByteMs } = await callOnce({ port: platform.gatewayPort }, host);
  const shares = sharesBetween(
    before,
    readCpu(platform.pid, process.pid),
    "the sandbox that takes its place in the warm pool",
  );
  return { firstByteMs, shares };
}

function findings(of: Record<Kind, Spread>, cost: { shares: readonly CpuShare[]; bareUs: number }): Findings {
  const anchorMs = of.workerdBinary.p50Ms;
  const row = (what: string, one: Spread) => [what, both(one), times(one.p50Ms, anchorMs), times(one.p99Ms, anchorMs)];
  return {
    sections: [
      {
        title: "Cold starts",
        lines: [
          ...table(
            ["what", "p50 / p99 ms", "p50 to the anchor", "p99 to the anchor"],
            [
              row("through the gateway, sandboxed, from zero", of.gateway),
              row("the same, warm pool switched off", of.emptyPool),
              row("bare workerd, binary configuration: its median is the anchor", of.workerdBinary),
              row("bare workerd, text configuration", of.workerdText),
            ],
          ),
          "",
          `- ${COLD_FUNCTIONS} functions, each called for the first time, on a new connection, to the first byte of the answer; workerd from spawn to the first byte,` +
            " its request waiting on the socket it inherits; unlike the platform's it is in no sandbox",
          `- CPU of a start through the gateway by its answer, ms: ${cpuText(cost.shares)}; of bare workerd's: ${precise(cost.bareUs / 1000)} (medians)`,
        ],
      },
    ],
    aims: [
      atMost(0.7, {
        what: "cold start from zero, sandboxed, p50 at most 0.7x bare workerd's spawn-to-answer median",
        value: of.gateway.p50Ms / anchorMs,
        figure: times(of.gateway.p50Ms, anchorMs),
      }),
      atMost(2, {
        what: "the same, p99 at most 2x that median",
        value: of.gateway.p99Ms / anchorMs,
        figure: times(of.gateway.p99Ms, anchorMs),
      }),
    ],
  };
}

function cpuText(shares: readonly CpuShare[]): string {
  return shares
    .filter(({ cpuUs }) => cpuUs >= SHOWN_US_MIN)
    .map(({ label, cpuUs }) => `${label} ${precise(cpuUs / 1000)}`)
    .join(", ");
}
