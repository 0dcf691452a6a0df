import { mkdir } from "node:fs/promises";
import { loadavg } from "node:os";
import { join } from "node:path";
import { settingNames } from "#server/env.ts";
import { messageOf } from "#server/std/fault.ts";
import { memoryPart } from "./active-memory.ts";
import { BareWorkerd } from "./bare-workerd.ts";
import { coldPart } from "./cold.ts";
import { installedVersion } from "./contestants.ts";
import { startPostgres } from "./database.ts";
import { loopPart } from "./endless-loop.ts";
import { fairnessPart } from "./fairness.ts";
import { ledgerPart } from "./ledger.ts";
import { manyPart } from "./many-functions.ts";
import type { Findings, Part, Stage } from "./part.ts";
import { profilePart } from "./profile.ts";
import { report } from "./report.ts";
import { savePart } from "./save-to-live.ts";
import { warmPart } from "./warm.ts";

const parts = {
  warm: warmPart,
  profile: profilePart,
  cold: coldPart,
  save: savePart,
  memory: memoryPart,
  many: manyPart,
  loop: loopPart,
  fairness: fairnessPart,
  ledger: ledgerPart,
} as const satisfies Record<string, Part>;

export type PartName = keyof typeof parts;
export const partNames: readonly string[] = Object.keys(parts);

export function isPartName(name: string): name is PartName {
  return Object.hasOwn(parts, name);
}

/** No part begins after this. */
const BEGIN_MS_MAX = 18 * 60_000;

/** Takes the parts one after the other, each with a database and processes of its own. One that fails doesn't cost the others. */
export async function runParts(
  names: readonly PartName[],
  dir: string,
  say: (text: string) => void,
): Promise<{ text: string; hasFailed: boolean }> {
  const beganAt = performance.now();
  const loadBefore = loadavg()[0] ?? 0;
  await using postgres = await startPostgres(dir);
  const bare = await BareWorkerd.prepare(dir);
  const findings: Findings[] = [];
  let hasFailed = false;
  for (const name of names) {
    try {
      if (performance.now() - beganAt > BEGIN_MS_MAX) throw new Error("the run took too long already");
      findings.push(await parts[name](await stageOf(name, { dir, postgres, bare, say })));
    } catch (error) {
      hasFailed = true;
      say(`${name} failed: ${messageOf(error)}`);
      const why = messageOf(error).split("\n")[0] ?? "";
      findings.push({ sections: [], aims: [{ kind: "not measured", what: `part "${name}"`, why }] });
    }
  }
  const versions = [
    `Node ${process.version}`,
    await bare.version(),
    ...["@google-cloud/functions-framework", "wrangler"].flatMap((name) => {
      const version = installedVersion(name);
      return version === undefined ? [] : [`${name} ${version}`];
    }),
  ];
  const durationS = (performance.now() - beganAt) / 1000;
  return { text: report({ findings, versions, settings: settings(), loadBefore, durationS }), hasFailed };
}

async function stageOf(name: PartName, stage: Stage): Promise<Stage> {
  const dir = join(stage.dir, name);
  await mkdir(dir, { mode: 0o711 });
  return { ...stage, dir };
}

/** Numbers only: they tell how it was run, and no secret is one. */
function settings(): string[] {
  return settingNames().flatMap((name) => {
    const value = process.env[name] ?? "";
    return /^\d+$/.test(value) && !name.endsWith("PORT") ? [`${name}=${value}`] : [];
  });
}
