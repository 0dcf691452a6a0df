import { rmSync } from "node:fs";
import { chmod, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BareWorkerd } from "./bare-workerd.ts";
import { startChild } from "./child.ts";
import { addColdFunctions, measureCold } from "./cold.ts";
import { openDatabase } from "./database.ts";
import { helloBundle } from "./hello-function.ts";
import { startPlatform } from "./platform-under-test.ts";
import { report, type Results } from "./report.ts";
import { measureSaveToLive } from "./save-to-live.ts";
import { measureWarm } from "./warm.ts";

/** `npm run bench`: every figure beside its anchor, in one run of about two minutes. */
const resultsPath = join(import.meta.dirname, "RESULTS.md");
// A Ctrl-C ends through `exit`, where whatever still runs is ended.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(130));

const dir = await mkdtemp(join(tmpdir(), "sluice-bench-"));
process.on("exit", () => rmSync(dir, { recursive: true, force: true }));
await chmod(dir, 0o711); // the sandbox's account passes through it
const text = report(await measure());
await writeFile(resultsPath, text);
console.log(`\n${text}`);

async function measure(): Promise<Results> {
  const beganAt = performance.now();
  progress("starting Postgres, two runtimes, workerd and a Node server");
  await using database = await openDatabase(dir);
  const { host } = await database.addFunction("hello", helloBundle);
  const edited = await database.addFunction("edited", helloBundle);
  const coldHosts = await addColdFunctions(database);
  const bare = await BareWorkerd.prepare(dir);
  await using platform = await startPlatform(database, { dir: join(dir, "runtime") });
  await using emptyPool = await startPlatform(database, { dir: join(dir, "empty"), env: { WARM_POOL_SIZE: "0" } });
  await using workerd = await bare.serve();
  await using node = await startChild({
    command: [process.execPath, join(import.meta.dirname, "node-server.ts")],
    readyFd: 1,
  });
  progress("warm requests: gateway, bare workerd, plain Node, in turns");
  const targets = {
    gateway: { port: platform.gatewayPort, host, path: "/" },
    workerd: { port: workerd.port, host: "localhost", path: "/" },
    node: { port: Number(node.firstLine), host: "localhost", path: "/" },
  };
  const warm = await measureWarm(targets, platform, database);
  progress("cold starts: gateway, bare workerd, in turns");
  const cold = await measureCold(coldHosts, { platform, emptyPool, bare });
  progress("save to live");
  const save = await measureSaveToLive(edited, { database, platform, dir });
  return { warm, cold, save, workerdVersion: await bare.version(), durationS: (performance.now() - beganAt) / 1000 };
}

function progress(what: string): void {
  console.error(`bench: ${what}`);
}
