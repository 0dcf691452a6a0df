import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { runtimeReadiness } from "#server/api/runtime-client.ts";
import { readNpmEnvironment } from "#server/env.ts";
import { deploy, type DeployTools } from "#server/functions/deploy.ts";
import { createPackages } from "#server/functions/packages.ts";
import { newId } from "#server/std/id.ts";
import { createLog } from "#server/std/log.ts";
import { helloBundle } from "./hello-function.ts";
import { callOnce } from "./load.ts";
import { both, table } from "./markdown.ts";
import { atMost, type Findings, type Stage } from "./part.ts";
import { median, spread } from "./percentile.ts";
import { startPlatform, type Platform } from "./platform-under-test.ts";

const SAVES = 24;
/** The first ones meet code that V8 hasn't compiled and connections that aren't open, as only a just started console's do. */
const UNCOUNTED = 3;
const PAUSE_MS = 250;
const CALLS_MAX = 500;

type Deployed = Extract<Awaited<ReturnType<typeof deploy>>, { kind: "deployed" }>;
type Save = { liveMs: number; deployMs: number; timings: Deployed["timings"] };

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
export async function savePart({ postgres, dir, say }: Stage): Promise<Findings> {
  await using database = await postgres.openDatabase();
  const organization = await database.addOrganization("bench");
  const { functionId, host } = await database.addFunction(organization, { name: "edited", bundle: helloBundle });
  await using platform = await startPlatform(database, { dir: join(dir, "runtime") });
  const tools: DeployTools = {
    db: database.db,
    readiness: runtimeReadiness(platform.internal, createLog("bench", "silent")),
    packages: createPackages({ dir: join(dir, "packages"), environment: readNpmEnvironment() }),
  };
  const { organizationId } = organization;
  const userId = newId("user");
  const saves: Save[] = [];
  say("save to live");
  for (let edit = 0; edit < SAVES + UNCOUNTED; edit += 1) {
    const beganAt = performance.now();
    const result = await deploy(tools, { organizationId, functionId, userId, files: sourceOf(edit) });
    if (result.kind !== "deployed") throw new Error(`the deploy came to nothing: ${JSON.stringify(result)}`);
    await firstAnswerOf(platform, host, edit);
    const liveMs = performance.now() - beganAt;
    if (edit >= UNCOUNTED) saves.push({ liveMs, deployMs: result.durationMs, timings: result.timings });
    await wait(PAUSE_MS);
  }
  return findings(saves);
}

/** Calls again at once as long as the version before still answers. */
async function firstAnswerOf(platform: Platform, host: string, edit: number): Promise<void> {
  for (let call = 0; call < CALLS_MAX; call += 1) {
    const { body } = await callOnce({ port: platform.gatewayPort }, host);
    if (body.includes(`"edit":${edit}}`)) return;
  }
  throw new Error(`edit ${edit} never answered`);
}

function findings(saves: readonly Save[]): Findings {
  const live = spread(saves.map(({ liveMs }) => liveMs));
  const part = (name: keyof Save["timings"]): string => median(saves.map(({ timings }) => timings[name])).toFixed(1);
  return {
    sections: [
      {
        title: "Save to live",
        lines: [
          ...table(
            ["what", "p50 / p99 ms"],
            [
              ["from the save to the first answer of the new version", both(live)],
              ["of which deploy()", both(spread(saves.map(({ deployMs }) => deployMs)))],
            ],
          ),
          "",
          `- ${saves.length} edits of a function that serves; of deploy(), bundling ${part("bundleMs")} ms, starting ${part("startMs")} ms, storing ${part("storeMs")} ms (medians)`,
        ],
      },
    ],
    aims: [
      atMost(100, {
        what: "save to live p50 at most 100 ms",
        value: live.p50Ms,
        figure: `${live.p50Ms.toFixed(1)} ms`,
      }),
    ],
  };
}
