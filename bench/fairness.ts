import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { DeployedFunction } from "./database.ts";
import { helloBundle } from "./hello-function.ts";
import { callOnce, describeFailures, startLoad, type Outcome } from "./load.ts";
import { precise, table, whole } from "./markdown.ts";
import type { Findings, Stage } from "./part.ts";
import { median } from "./percentile.ts";
import { startPlatform } from "./platform-under-test.ts";

const ROUNDS = 5;
const FLOOD_CONNECTIONS = 200;
/** As one browser that calls again and again: two at a time, some 80 calls a second. */
const QUIET = { connections: 2, pauseMs: 20 };
const MEASURE_MS = 3_000;
/** Before the measuring: the flood has reached its height. */
const RISE_MS = 800;
const FALL_MS = 500;

const burningBundle = `export default {
  fetch() {
    const until = performance.now() + 20;
    while (performance.now() < until);
    return new Response("burnt\\n");
  },
};`;

type Round = { quiet: Outcome; flood: Outcome | undefined };

/** What one organization's callers see while another organization is flooded. */
export async function fairnessPart({ postgres, dir, say }: Stage): Promise<Findings> {
  await using database = await postgres.openDatabase();
  const flooding = await database.addOrganization("flooding");
  const quiet = await database.addFunction(await database.addOrganization("quiet"), {
    name: "hello",
    bundle: helloBundle,
  });
  const situations = {
    alone: undefined,
    [`another floods with short calls, c=${FLOOD_CONNECTIONS}`]: await database.addFunction(flooding, {
      name: "short",
      bundle: helloBundle,
    }),
    [`another floods with calls of 20 ms of CPU, c=${FLOOD_CONNECTIONS}`]: await database.addFunction(flooding, {
      name: "burning",
      bundle: burningBundle,
    }),
  };
  await using platform = await startPlatform(database, { dir: join(dir, "runtime") });
  const port = platform.gatewayPort;
  say("one organization while another is flooded");
  for (const one of [quiet, ...Object.values(situations)]) if (one) await callOnce({ port }, one.host);
  const rounds = new Map<string, Round[]>(Object.keys(situations).map((name) => [name, []]));
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [name, flooded] of Object.entries(situations))
      rounds.get(name)?.push(await measure(port, quiet, flooded));
  }
  return findings(rounds);
}

async function measure(port: number, quiet: DeployedFunction, flooded: DeployedFunction | undefined): Promise<Round> {
  const flood = flooded
    ? startLoad({
        port,
        host: flooded.host,
        path: "/",
        connections: FLOOD_CONNECTIONS,
        warmUpMs: RISE_MS,
        measureMs: RISE_MS + MEASURE_MS * 3,
      })
    : undefined;
  await wait(RISE_MS);
  const calls = startLoad({ port, host: quiet.host, path: "/", ...QUIET, warmUpMs: 0, measureMs: MEASURE_MS * 2 });
  await wait(MEASURE_MS);
  const seen = await calls.stop();
  const done = await flood?.stop();
  await wait(FALL_MS);
  await callOnce({ port }, quiet.host); // throws when the runtime itself is gone
  return { quiet: seen, flood: done };
}

function findings(rounds: Map<string, Round[]>): Findings {
  return {
    sections: [
      {
        title: "One organization while another is flooded",
        lines: [
          ...table(
            [
              "the other",
              "p50 ms",
              "p99 ms",
              "highest p99 of a round",
              "calls",
              "failed",
              "the flood: answered a second",
              "not answered with 200",
            ],
            [...rounds].map(([name, of]) => {
              const p99s = of.map(({ quiet }) => quiet.p99Ms ?? Number.POSITIVE_INFINITY);
              const floods = of.flatMap(({ flood }) => flood ?? []);
              return [
                name,
                precise(median(of.map(({ quiet }) => quiet.p50Ms ?? Number.POSITIVE_INFINITY))),
                precise(median(p99s)),
                precise(Math.max(...p99s)),
                whole(of.reduce((sum, { quiet }) => sum + quiet.answers, 0)),
                describeFailures(together(of.map(({ quiet }) => quiet))),
                floods.length === 0 ? "" : whole(median(floods.map(({ requestsPerS }) => requestsPerS))),
                floods.length === 0 ? "" : describeFailures(together(floods)),
              ];
            }),
          ),
          "",
          `- the quiet organization's function is called at c=${QUIET.connections} with ${QUIET.pauseMs} ms between its calls; medians of ${ROUNDS} rounds of ${MEASURE_MS / 1000} s, situations in turn. No aim: the flood's own generator takes its share of the cores too`,
        ],
      },
    ],
    aims: [],
  };
}

function together(outcomes: readonly Outcome[]): Pick<Outcome, "failures"> {
  const failures: Record<string, number> = {};
  for (const outcome of outcomes)
    for (const [kind, count] of Object.entries(outcome.failures)) failures[kind] = (failures[kind] ?? 0) + count;
  return { failures };
}
