import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { inheritedEnvironment, readSearchPath } from "#server/env.ts";
import { Fault } from "#server/std/fault.ts";

const root = join(import.meta.dirname, "../..");
const HEARTBEAT_MS = 10_000;

export type Say = (text: string) => void;

/** Secrets that nobody set are made once and kept in a file that only its owner can read. */
const keysSchema = z.object({ nextAuthSecret: z.string(), internalSecret: z.string(), secretsKey: z.string() });
export type Keys = z.infer<typeof keysSchema>;

/** A key that an older version did not have is added; one that is there is never changed. */
export function readOrMakeKeys(dataDir: string): Keys {
  const path = join(dataDir, "keys.json");
  const known = existsSync(path) ? keysSchema.partial().parse(JSON.parse(readFileSync(path, "utf8"))) : {};
  const make = () => randomBytes(32).toString("base64url");
  const keys = {
    nextAuthSecret: known.nextAuthSecret ?? make(),
    internalSecret: known.internalSecret ?? make(),
    secretsKey: known.secretsKey ?? make(),
  };
  if (Object.keys(known).length === Object.keys(keys).length) return keys;
  // Written beside and renamed: a file that is half written would lose what its keys sealed.
  writeFileSync(`${path}.new`, JSON.stringify(keys, null, 2), { mode: 0o600, flush: true });
  renameSync(`${path}.new`, path);
  return keys;
}

/** bubblewrap is the sandbox: installed where we are root and apt is there, else asked for in one line. */
export async function ensureBubblewrap(say: Say): Promise<void> {
  if (process.platform !== "linux" || isProgram("bwrap")) return;
  if (process.getuid?.() !== 0 || !isProgram("apt-get")) {
    throw new Fault(
      "unavailable",
      "bubblewrap is not installed. Run `sudo apt-get install bubblewrap` (or your system's way), then start again.",
    );
  }
  say("installing bubblewrap (the sandbox of functions)…");
  await run(say, {
    what: "bubblewrap",
    program: "apt-get",
    args: ["install", "-y", "--no-install-recommends", "bubblewrap"],
  }).catch(async () => {
    await run(say, { what: "package lists", program: "apt-get", args: ["update"] });
    await run(say, {
      what: "bubblewrap",
      program: "apt-get",
      args: ["install", "-y", "--no-install-recommends", "bubblewrap"],
    });
  });
}

/** Prisma's client is made from the schema, again when that has changed. */
export async function generateClient(say: Say): Promise<void> {
  const mark = join(root, "server/db/generated/.schema");
  const wanted = hashOf(["prisma/schema.prisma", "package-lock.json"]);
  if (existsSync(mark) && readFileSync(mark, "utf8") === wanted) return;
  say("generating the database client…");
  // Prisma would fetch an engine that generating doesn't need: docs/decisions/0002.
  await run(say, {
    what: "prisma generate",
    program: join(root, "node_modules/.bin/prisma"),
    args: ["generate"],
    env: { PRISMA_SCHEMA_ENGINE_BINARY: "/bin/true" },
  });
  writeFileSync(mark, wanted);
}

/** The code editor, from its package into public/monaco; at once when it is there. */
export async function buildEditor(say: Say): Promise<void> {
  await run(say, {
    what: "the editor's build",
    program: process.execPath,
    args: [join(root, "server/console/build-editor.ts")],
  });
}

/** The console's pages are built again when anything that they are made of has changed. */
export async function buildConsole(say: Say): Promise<void> {
  const mark = join(root, ".next/sluice-build");
  const wanted = hashOf([
    "app",
    "server",
    "public",
    "prisma/schema.prisma",
    "package-lock.json",
    "next.config.ts",
    "postcss.config.mjs",
    "tsconfig.json",
  ]);
  if (existsSync(mark) && readFileSync(mark, "utf8") === wanted) return;
  say("building the console (a minute, and again only when something changed)…");
  const began = Date.now();
  await run(say, {
    what: "next build",
    program: process.execPath,
    args: [join(root, "node_modules/next/dist/bin/next"), "build"],
    env: { NODE_ENV: "production", NEXT_TELEMETRY_DISABLED: "1" },
  });
  writeFileSync(mark, wanted);
  say(`console built in ${Math.round((Date.now() - began) / 1000)} s`);
}

const NOT_SOURCE = new Set(["generated", "node_modules", "monaco", "screenshots"]);

function hashOf(paths: readonly string[]): string {
  const hash = createHash("sha256").update(process.version);
  const add = (path: string): void => {
    const full = join(root, path);
    if (!existsSync(full)) return;
    const entries = isFolder(full) ? readdirSync(full).toSorted() : undefined;
    if (entries) for (const name of entries.filter((one) => !NOT_SOURCE.has(one))) add(join(path, name));
    else hash.update(`${path}\0`).update(readFileSync(full));
  };
  for (const path of paths) add(path);
  return hash.digest("hex");
}

function isFolder(path: string): boolean {
  try {
    readdirSync(path);
    return true;
  } catch {
    return false;
  }
}

function isProgram(name: string): boolean {
  return readSearchPath().some((dir) => existsSync(join(dir, name)));
}

type Command = { what: string; program: string; args: string[]; env?: Record<string, string> };

/** Runs a program quietly: a line now and then while it takes long, its last words when it fails. */
async function run(say: Say, { what, program, args, env = {} }: Command): Promise<void> {
  mkdirSync(join(root, "server/db/generated"), { recursive: true });
  const began = Date.now();
  const heartbeat = setInterval(() => say(`${what}: ${Math.round((Date.now() - began) / 1000)} s…`), HEARTBEAT_MS);
  let output = "";
  const code = await new Promise<number | null>((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: root,
      env: { ...inheritedEnvironment(), ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.once("error", reject);
    child.once("exit", resolve);
  }).finally(() => clearInterval(heartbeat));
  if (code !== 0) throw new Fault("unavailable", `${what} failed:\n${output.trim().split("\n").slice(-25).join("\n")}`);
}
