import { chmod, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { openDatabase } from "./database.ts";
import { helloBundle } from "./hello-function.ts";
import { load } from "./load.ts";
import { startPlatform } from "./platform-under-test.ts";

/** `node bench/profile.ts`: where the gateway's time goes under load at c=32, by file and by function. */
const CONNECTIONS = 32;
const MEASURE_MS = 8_000;
const LINES_MAX = 45;

const cpuProfile = z.object({
  nodes: z.array(
    z.object({
      id: z.number(),
      callFrame: z.object({ functionName: z.string(), url: z.string(), lineNumber: z.number() }),
    }),
  ),
  samples: z.array(z.number()),
  timeDeltas: z.array(z.number()),
});

const dir = await mkdtemp(join(tmpdir(), "sluice-profile-"));
await chmod(dir, 0o711);
try {
  await profile();
} finally {
  await rm(dir, { recursive: true, force: true });
}

async function profile(): Promise<void> {
  await using database = await openDatabase(dir);
  const { host } = await database.addFunction("hello", helloBundle);
  const profiles = join(dir, "profiles");
  const platform = await startPlatform(database, {
    dir: join(dir, "runtime"),
    nodeOptions: ["--cpu-prof", `--cpu-prof-dir=${profiles}`],
  });
  const cpuBefore = platform.cpuUs();
  const { answers, requestsPerS, p50Ms } = await load({
    port: platform.gatewayPort,
    host,
    path: "/",
    connections: CONNECTIONS,
    warmUpMs: 0,
    measureMs: MEASURE_MS,
  });
  const cpuUs = (platform.cpuUs() - cpuBefore) / answers;
  await platform[Symbol.asyncDispose]();
  console.log(
    `${requestsPerS.toFixed(0)} requests a second, p50 ${p50Ms.toFixed(2)} ms, gateway CPU ${cpuUs.toFixed(0)} us a request (profiled)`,
  );
  for (const name of await readdir(profiles))
    print(cpuProfile.parse(JSON.parse(await readFile(join(profiles, name), "utf8"))), answers);
}

function print({ nodes, samples, timeDeltas }: z.infer<typeof cpuProfile>, answers: number): void {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const byFile = new Map<string, number>();
  const byFunction = new Map<string, number>();
  for (const [index, id] of samples.entries()) {
    const frame = frames.get(id);
    if (!frame || frame.functionName === "(idle)") continue;
    const file = frame.url === "" ? frame.functionName : shortName(frame.url);
    add(byFile, file.startsWith("(") ? file : file || "native", timeDeltas[index] ?? 0);
    add(
      byFunction,
      `${frame.functionName || "(anonymous)"} ${shortName(frame.url)}:${frame.lineNumber + 1}`,
      timeDeltas[index] ?? 0,
    );
  }
  for (const [title, times] of [
    ["by file", byFile],
    ["by function", byFunction],
  ] as const) {
    console.log(`\n${title}, us a request`);
    const sorted = [...times].toSorted(([, a], [, b]) => b - a);
    for (const [name, timeUs] of sorted.slice(0, LINES_MAX))
      console.log(`${(timeUs / answers).toFixed(1).padStart(7)}  ${name}`);
  }
}

function add(times: Map<string, number>, name: string, timeUs: number): void {
  times.set(name, (times.get(name) ?? 0) + timeUs);
}

/** A file of ours from its room on, of a package from its name on. */
function shortName(url: string): string {
  return url.replace(/^file:\/\/.*\/node_modules\//, "").replace(/^file:\/\/.*?\/(?=server\/)/, "");
}
