import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { z } from "zod";
import { helloBundle } from "./hello-function.ts";
import { withIsolates, type Isolate } from "./inspector.ts";
import { load } from "./load.ts";
import { percent, precise, table, whole } from "./markdown.ts";
import type { Findings, Stage } from "./part.ts";
import { startPlatform } from "./platform-under-test.ts";

const CONNECTIONS = 32;
const WARM_UP_MS = 3_000;
const MEASURE_MS = 5_000;
const SAMPLE_US = 500;
/** The profilers start before the load and stop after it: what is then sampled is idle. */
const EDGE_MS = 100;
const ROWS_MAX = { places: 10, functions: 18 };

const cpuProfile = z.object({
  profile: z.object({
    nodes: z.array(
      z.object({
        id: z.number(),
        callFrame: z.object({ functionName: z.string(), url: z.string(), lineNumber: z.number() }),
      }),
    ),
    samples: z.array(z.number()),
    timeDeltas: z.array(z.number()),
  }),
});
type CpuProfile = z.infer<typeof cpuProfile>["profile"];

/** Self time in us by name. */
type SelfTimes = Map<string, number>;

/** Which functions of the gateway take its time under load at c=32, by sampling all of its JavaScript threads. */
export async function profilePart({ postgres, dir, say }: Stage): Promise<Findings> {
  await using database = await postgres.openDatabase();
  const { host } = await database.addFunction(await database.addOrganization("bench"), {
    name: "hello",
    bundle: helloBundle,
  });
  await using platform = await startPlatform(database, { dir: join(dir, "runtime"), isInspected: true });
  say("profile of the gateway under load");
  const target = { port: platform.gatewayPort, host, path: "/", connections: CONNECTIONS, warmUpMs: 0 };
  await load({ ...target, measureMs: WARM_UP_MS });
  const { answers, profiles } = await withIsolates(platform.inspectors, async (isolates) => {
    for (const one of isolates) await startProfiler(one);
    const report = await load({ ...target, measureMs: MEASURE_MS });
    await wait(EDGE_MS);
    const stopped = [];
    for (const one of isolates)
      stopped.push({ thread: one.name, ...cpuProfile.parse(await one.send("Profiler.stop")) });
    return { answers: report.answersInAll, profiles: stopped };
  });
  return { sections: [{ title: "Where the gateway's time goes", lines: lines(profiles, answers) }], aims: [] };
}

async function startProfiler({ send }: Isolate): Promise<void> {
  await send("Profiler.enable");
  await send("Profiler.setSamplingInterval", { interval: SAMPLE_US });
  await send("Profiler.start");
}

function lines(profiles: readonly { thread: string; profile: CpuProfile }[], answers: number): string[] {
  const places: SelfTimes = new Map();
  const functions: SelfTimes = new Map();
  for (const { thread, profile } of profiles) addSelfTimes(profile, thread, { places, functions });
  const allUs = [...places.values()].reduce((sum, timeUs) => sum + timeUs, 0);
  const rows = (selfTimes: SelfTimes, most: number): string[][] =>
    [...selfTimes]
      .toSorted(([, a], [, b]) => b - a)
      .slice(0, most)
      .map(([name, timeUs]) => [name, precise(timeUs / answers), percent(timeUs / allUs)]);
  return [
    `Self time of all JavaScript threads, ${precise(allUs / answers)} us a request, sampled every ${SAMPLE_US} us over ${whole(answers)} requests at c=32; being sampled costs some of it, and time in which others had the cores is in it.`,
    "",
    ...table(["where", "us a request", "share"], rows(places, ROWS_MAX.places)),
    "",
    ...table(["function", "us a request", "share"], rows(functions, ROWS_MAX.functions)),
  ];
}

function addSelfTimes(
  { nodes, samples, timeDeltas }: CpuProfile,
  thread: string,
  { places, functions }: { places: SelfTimes; functions: SelfTimes },
): void {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  for (const [index, id] of samples.entries()) {
    const frame = frames.get(id);
    if (!frame || frame.functionName === "(idle)") continue;
    const timeUs = timeDeltas[index] ?? 0;
    add(places, `${thread}: ${placeOf(frame.url, frame.functionName)}`, timeUs);
    const line = frame.url === "" ? "" : ` ${shortName(frame.url)}:${frame.lineNumber + 1}`;
    add(functions, `${thread}: ${frame.functionName || "(anonymous)"}${line}`, timeUs);
  }
}

/** A room of ours, a package, Node's own code, or what V8 says of itself. */
function placeOf(url: string, functionName: string): string {
  if (url === "") return functionName.startsWith("(") ? functionName : "native functions";
  if (url.startsWith("node:")) return url.split("/", 1)[0] ?? url;
  const name = shortName(url);
  const [first = "", second = "", third = ""] = name.split("/");
  if (first === "server") return third.includes(".") ? `server/${second}` : `server/${second}/${third}`;
  return first.startsWith("@") ? `${first}/${second}` : first;
}

function add(times: SelfTimes, name: string, timeUs: number): void {
  times.set(name, (times.get(name) ?? 0) + timeUs);
}

/** A file of ours from its room on, of a package from its name on. */
function shortName(url: string): string {
  return url.replace(/^file:\/\/.*\/node_modules\//, "").replace(/^file:\/\/.*?\/(?=server\/)/, "");
}
