import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { helloBundle } from "./hello-function.ts";
import { callOnce } from "./load.ts";
import { both, table, times } from "./markdown.ts";
import { atMost, type Findings, type Stage } from "./part.ts";
import { spread, type Spread } from "./percentile.ts";
import { startPlatform } from "./platform-under-test.ts";

const COLD_FUNCTIONS = 100;
/** Between cold starts the warm pool refills itself, as it does in life. */
const PAUSE_MS = 150;

type Kind = "gateway" | "emptyPool" | "workerdText" | "workerdBinary";

/** Functions that nobody has called yet: the first call of each is a start from zero. One start of each kind in turn. */
export async function coldPart({ postgres, dir, bare, say }: Stage): Promise<Findings> {
  await using database = await postgres.openDatabase();
  const names = Array.from({ length: COLD_FUNCTIONS }, (_, i) => ({ name: `cold-${i}`, bundle: helloBundle }));
  const functions = await database.addFunctions(await database.addOrganization("bench"), names);
  await using platform = await startPlatform(database, { dir: join(dir, "runtime") });
  await using emptyPool = await startPlatform(database, { dir: join(dir, "empty"), env: { WARM_POOL_SIZE: "0" } });
  const timesMs: Record<Kind, number[]> = { gateway: [], emptyPool: [], workerdText: [], workerdBinary: [] };
  say("cold starts: gateway and bare workerd in turns");
  await wait(PAUSE_MS * 5); // the first of the pool are ready, and the starts of the processes themselves are over
  for (const { host } of functions) {
    timesMs.gateway.push((await callOnce({ port: platform.gatewayPort }, host)).firstByteMs);
    await wait(PAUSE_MS);
    timesMs.workerdText.push(await bare.spawnToFirstByteMs("text"));
    await wait(PAUSE_MS / 3);
    timesMs.emptyPool.push((await callOnce({ port: emptyPool.gatewayPort }, host)).firstByteMs);
    await wait(PAUSE_MS / 3);
    timesMs.workerdBinary.push(await bare.spawnToFirstByteMs("binary"));
    await wait(PAUSE_MS / 3);
  }
  return findings({
    gateway: spread(timesMs.gateway),
    emptyPool: spread(timesMs.emptyPool),
    workerdText: spread(timesMs.workerdText),
    workerdBinary: spread(timesMs.workerdBinary),
  });
}

function findings(of: Record<Kind, Spread>): Findings {
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
