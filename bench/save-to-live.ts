import { createLog } from "#server/std/log.ts";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { runtimeReadiness } from "#server/api/runtime-client.ts";
import { readNpmEnvironment } from "#server/env.ts";
import { deploy, type DeployTools } from "#server/functions/deploy.ts";
import type { DeployTimings } from "#server/functions/go-live.ts";
import { createPackages } from "#server/functions/packages.ts";
import { newId } from "#server/std/id.ts";
import { spread, type Spread } from "./cold.ts";
import type { BenchDatabase, DeployedFunction } from "./database.ts";
import { callOnce } from "./load.ts";
import { median } from "./percentile.ts";
import type { Platform } from "./platform-under-test.ts";

const SAVES = 24;
/** The first ones meet code that V8 hasn't compiled and connections that aren't open, as only a just started console's do. */
const UNCOUNTED = 3;
const PAUSE_MS = 250;
const CALLS_MAX = 500;

export type SaveResult = { live: Spread; deploy: Spread; parts: DeployTimings; samples: number };

/** An edit as one makes it in the editor: a little TypeScript, and one line of it changes. */
function sourceOf(edit: number) {
  const content = `interface Greeting { text: string; edit: number }

function greet(name: string): Greeting {
  return { text: \`Hello \${name}\`, edit: ${edit} };
}

export default {
  async fetch(request: Request): Promise<Response> {
    const name = new URL(request.url).searchParams.get("name") ?? "world";
    return Response.json(greet(name));
  },
};
`;
  return [{ path: "src/index.ts", content }];
}

/** Saves edit after edit of a function that serves already. */
export async function measureSaveToLive(
  edited: DeployedFunction,
  parts: { database: BenchDatabase; platform: Platform; dir: string },
): Promise<SaveResult> {
  const { database, platform, dir } = parts;
  const tools: DeployTools = {
    db: database.db,
    readiness: runtimeReadiness(platform.internal, createLog("bench", "silent")),
    packages: createPackages({ dir: join(dir, "packages"), environment: readNpmEnvironment() }),
  };
  const { functionId, host } = edited;
  const { organizationId } = database;
  const userId = newId("user");
  const samples: { liveMs: number; deployMs: number; timings: DeployTimings }[] = [];
  for (let edit = 0; edit < SAVES + UNCOUNTED; edit += 1) {
    const beganAt = performance.now();
    const result = await deploy(tools, { organizationId, functionId, userId, files: sourceOf(edit) });
    if (result.kind !== "deployed") throw new Error(`the deploy came to nothing: ${JSON.stringify(result)}`);
    await firstAnswerOf(platform, host, edit);
    if (edit >= UNCOUNTED)
      samples.push({ liveMs: performance.now() - beganAt, deployMs: result.durationMs, timings: result.timings });
    await wait(PAUSE_MS);
  }
  const part = (name: keyof DeployTimings): number => median(samples.map(({ timings }) => timings[name]));
  return {
    live: spread(samples.map(({ liveMs }) => liveMs)),
    deploy: spread(samples.map(({ deployMs }) => deployMs)),
    parts: {
      packagesMs: part("packagesMs"),
      bundleMs: part("bundleMs"),
      startMs: part("startMs"),
      storeMs: part("storeMs"),
    },
    samples: samples.length,
  };
}

/** Calls again at once as long as the version before still answers. */
async function firstAnswerOf(platform: Platform, host: string, edit: number): Promise<void> {
  for (let call = 0; call < CALLS_MAX; call += 1) {
    const { text } = await callOnce({ port: platform.gatewayPort }, host);
    if (text.includes(`"edit":${edit}}`)) return;
  }
  throw new Error(`edit ${edit} never answered`);
}
