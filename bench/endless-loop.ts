import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { BenchDatabase, DeployedFunction } from "./database.ts";
import { helloBundle } from "./hello-function.ts";
import { ask, callOnce, describeFailures, failuresOf, startLoad, type Answer, type Outcome } from "./load.ts";
import { precise, table, whole } from "./markdown.ts";
import { atMost, type Findings, type Stage } from "./part.ts";
import { median } from "./percentile.ts";
import { startPlatform, type Platform } from "./platform-under-test.ts";

const CPU_MS_MAX = 200;
const TRIALS = 11;
const BETWEEN_MS = 200;
const BACK_MS_MAX = 10_000;
const RETRY_MS = 2;
const NEIGHBOURS = 4;
const NEIGHBOURS_MS_MAX = 60_000;
const LEDGER_MS_MAX = 10_000;

/** Says which process answers, so that a process from before the loop can't be taken for one from after it. */
const loopBundle = `let process;
export default {
  fetch(request) {
    process ??= crypto.randomUUID();
    if (new URL(request.url).pathname === "/loop") for (;;) {}
    return new Response(process);
  },
};`;

/** How the neighbour is called meanwhile. */
const modes = [
  { name: "neighbour called at c=4, 25 times a second each", pauseMs: 40, isJudged: true },
  { name: "neighbour called at c=4 as fast as it answers", pauseMs: 0, isJudged: false },
] as const;

type Trial = { backMs: number; loop: Answer };
type Finding = { mode: (typeof modes)[number]; trials: readonly Trial[]; neighbour: Outcome };

/** A function that never ends: how soon it is ended and the function answers again, and what its neighbour sees of it. */
export async function loopPart({ postgres, dir, say }: Stage): Promise<Findings> {
  await using database = await postgres.openDatabase();
  const looping = await database.addFunction(await database.addOrganization("looping"), {
    name: "loop",
    bundle: loopBundle,
    limits: { cpuMsMax: CPU_MS_MAX },
  });
  const neighbour = await database.addFunction(await database.addOrganization("neighbour"), {
    name: "hello",
    bundle: helloBundle,
  });
  await using platform = await startPlatform(database, {
    dir: join(dir, "runtime"),
    env: { LOG_LEVEL: "error" }, // each loop is a warning
  });
  say("endless loops beside a neighbour");
  const found: Finding[] = [];
  for (const mode of modes) found.push(await measure(mode, platform, { looping, neighbour }));
  return findings(found, await burntMs(database, looping));
}

async function measure(
  mode: Finding["mode"],
  platform: Platform,
  { looping, neighbour }: { looping: DeployedFunction; neighbour: DeployedFunction },
): Promise<Finding> {
  const port = platform.gatewayPort;
  await callOnce({ port }, neighbour.host);
  const calls = startLoad({
    port,
    host: neighbour.host,
    path: "/",
    connections: NEIGHBOURS,
    warmUpMs: 0,
    measureMs: NEIGHBOURS_MS_MAX,
    pauseMs: mode.pauseMs,
  });
  const trials: Trial[] = [];
  for (let i = 0; i < TRIALS; i += 1) {
    trials.push(await tryOnce(port, looping.host));
    await wait(BETWEEN_MS);
  }
  return { mode, trials, neighbour: await calls.stop() };
}

/** From sending the loop to the first answer of a process that is not the one which loops. */
async function tryOnce(port: number, host: string): Promise<Trial> {
  const { body: before } = await callOnce({ port }, host);
  const beganAt = performance.now();
  const loop = ask({ port }, host, "/loop");
  loop.catch(() => undefined); // awaited below
  while (performance.now() - beganAt < BACK_MS_MAX) {
    const { status, body } = await ask({ port }, host);
    if (status === 200 && body !== before) return { backMs: performance.now() - beganAt, loop: await loop };
    await wait(RETRY_MS);
  }
  throw new Error(`the function was not back ${BACK_MS_MAX / 1000} s after an endless loop`);
}

/** The CPU that the ledger has for the loops, marked as such. */
async function burntMs({ db }: BenchDatabase, { organizationId, functionId }: DeployedFunction): Promise<number[]> {
  const deadline = performance.now() + LEDGER_MS_MAX;
  for (;;) {
    const rows = await db.usageEvent.findMany({
      where: { organizationId, functionId, outcome: "cpu_limit", path: "/loop" },
      select: { cpuNs: true },
    });
    if (rows.length >= TRIALS * modes.length || performance.now() > deadline)
      return rows.map(({ cpuNs }) => Number(cpuNs) / 1e6);
    await wait(50);
  }
}

function findings(found: readonly Finding[], burnt: readonly number[]): Findings {
  const errors = found.reduce((sum, { neighbour }) => sum + failuresOf(neighbour), 0);
  const judged = found.filter(({ mode }) => mode.isJudged).flatMap(({ trials }) => trials.map(({ backMs }) => backMs));
  const told = found.flatMap(({ trials }) => trials.map(({ loop }) => describeAnswer(loop)));
  return {
    sections: [
      {
        title: `An endless loop, CPU limit ${CPU_MS_MAX} ms`,
        lines: [
          ...table(
            [
              "meanwhile",
              "back in service: p50 ms",
              "fastest and slowest ms",
              "neighbour: calls",
              "failed",
              "p50 / p99 ms",
            ],
            found.map(({ mode, trials, neighbour }) => {
              const times = trials.map(({ backMs }) => backMs);
              return [
                mode.name,
                whole(median(times)),
                `${whole(Math.min(...times))} - ${whole(Math.max(...times))}`,
                whole(neighbour.answers),
                describeFailures(neighbour),
                `${precise(neighbour.p50Ms ?? Number.NaN)} / ${precise(neighbour.p99Ms ?? Number.NaN)}`,
              ];
            }),
          ),
          "",
          `- ${TRIALS} loops each; from sending one until a process that isn't the looping one answers the same function, asked again at once whenever it doesn't`,
          "- judged is the first row: where a neighbour takes all that is left of two cores, the loop itself needs longer to use up its CPU limit",
          "- the call that asks again waits in the looping process, and CPU is shared out equally among those who are in it, as nobody outside can see whose it is: so with one other call in it a loop is ended when the process has used twice the limit; asked by nobody else it would be ended at once the limit",
          `- callers of the loops got: ${counted(told)}; the ledger has ${burnt.length} of them, marked cpu_limit, with ${precise(median(burnt))} ms of CPU (median)`,
        ],
      },
    ],
    aims: [
      atMost(CPU_MS_MAX + 100, {
        what: `after an endless loop back in service (p50) within its CPU limit + 100 ms, ${CPU_MS_MAX + 100} ms`,
        value: median(judged),
        figure: `${whole(median(judged))} ms, slowest ${whole(Math.max(...judged))} ms`,
      }),
      atMost(0, {
        what: "and no call of its neighbour fails",
        value: errors,
        figure: `${errors} of ${whole(found.reduce((sum, { neighbour }) => sum + neighbour.answers, 0))} failed`,
      }),
    ],
  };
}

function describeAnswer({ status, body }: Answer): string {
  const [, code] = /"code":"(\w+)"/.exec(body) ?? [];
  return code === undefined ? String(status) : `${status} ${code}`;
}

function counted(texts: readonly string[]): string {
  return [...Map.groupBy(texts, (text) => text)].map(([text, all]) => `${all.length} x ${text}`).join(", ");
}
