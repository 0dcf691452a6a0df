import { createHash, randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readdir, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { errnoOf } from "#server/std/fault.ts";
import type { Id } from "#server/std/id.ts";
import { forgetPackages } from "./bundle-plugin.ts";
import { InstallQueue } from "./install-queue.ts";
import { runNpm, type NpmRun } from "./npm.ts";
import { atLine, type Source, type SourceError } from "./source.ts";

export type PackagesResult = { kind: "installed"; dir: string | null } | { kind: "failed"; errors: SourceError[] };

export interface Packages {
  /** The folder whose node_modules holds a function's dependencies; null when it has none. A fault when too many install at once. */
  install(source: Source, organizationId: Id<"organization">): Promise<PackagesResult>;
}

export type PackagesOptions = {
  /** DATA_DIR/packages: one folder a dependency set. */
  dir: string;
  /** What npm may see of the environment: PATH, HOME and its own configuration. */
  environment: Record<string, string>;
  timeoutMs?: number;
  bytesMax?: number;
  setsMax?: number;
  npm?: NpmRun;
  queue?: InstallQueue;
};

const DEPENDENCIES_MAX = 100;
const TIMEOUT_MS = 120_000;
const BYTES_MAX = 200 * 1024 * 1024;
const STALE_MS = 3_600_000;
/** Dependency sets that are kept: with BYTES_MAX the bound of what tenants can lay on the disk. The least recently used go. */
const SETS_MAX = 40;

const NAME = /^(?:@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*$/i;
const TAG = /^[a-z][a-z0-9_-]*$/i;
const COMPARATOR = /^(?:[<>]=?|=|~>?|\^)?v?[\dxX*]+(?:\.[\dxX*]+){0,2}(?:-[0-9a-z.-]+)?(?:\+[0-9a-z.-]+)?$/i;

/** Installs npm dependencies, once a dependency set. No script of a package ever runs here. */
export function createPackages(options: PackagesOptions): Packages {
  const queue = options.queue ?? new InstallQueue();
  /** What is being installed now: a problem, or null when it went well. */
  const installing = new Map<string, Promise<string | null>>();
  const ensure = async (organizationId: Id<"organization">, dependencies: Dependencies): Promise<Installed> => {
    const key = createHash("sha256").update(JSON.stringify(dependencies)).digest("hex").slice(0, 32);
    const dir = join(options.dir, key);
    if (await isInstalled(dir)) return { dir, problem: null };
    const problem =
      installing.get(key) ??
      queue.run(organizationId, async () => {
        // Who had to wait may find that another has installed the same set, or is at it.
        if (await isInstalled(dir)) return null;
        const install = installing.get(key) ?? installOnce(options, dir, dependencies);
        installing.set(key, install);
        return install.finally(() => installing.delete(key));
      });
    return { dir, problem: await problem };
  };
  return {
    async install(source, organizationId) {
      const dependencies = Object.entries(source.manifest.dependencies).toSorted(([a], [b]) => (a < b ? -1 : 1));
      if (dependencies.length === 0) return { kind: "installed", dir: null };
      const errors = dependencyErrors(source, dependencies);
      if (errors.length > 0) return { kind: "failed", errors };
      const { dir, problem } = await ensure(organizationId, dependencies);
      if (problem === null) return { kind: "installed", dir };
      return { kind: "failed", errors: [inManifest(source, mentioned(problem, dependencies), problem)] };
    },
  };
}

type Dependencies = [name: string, wanted: string][];
type Installed = { dir: string; problem: string | null };

async function isInstalled(target: string): Promise<boolean> {
  if (!(await exists(target))) return false;
  await markUsed(target);
  return true;
}

function dependencyErrors(source: Source, dependencies: Dependencies): SourceError[] {
  if (dependencies.length > DEPENDENCIES_MAX) {
    return [
      inManifest(
        source,
        '"dependencies"',
        `${dependencies.length} dependencies are too many; ${DEPENDENCIES_MAX} is the most.`,
      ),
    ];
  }
  return dependencies.flatMap(([name, wanted]) => {
    const problem = dependencyProblem(name, wanted);
    return problem ? [inManifest(source, JSON.stringify(name), problem)] : [];
  });
}

function dependencyProblem(name: string, wanted: string): string | null {
  if (!NAME.test(name) || name.length > 214) return `${JSON.stringify(name)} is not a package name.`;
  const alias = /^npm:((?:@[^@/]+\/)?[^@/]+)(?:@(.*))?$/.exec(wanted);
  if (alias && !NAME.test(alias[1] ?? "")) return `${JSON.stringify(wanted)} is not a package name.`;
  if (isRange(alias ? (alias[2] ?? "latest") : wanted)) return null;
  return `${name}: ${JSON.stringify(wanted)} is not a version of the npm registry. Use one like "^1.2.0" or "latest"; git, URLs and files are not allowed.`;
}

function isRange(wanted: string): boolean {
  // npm reads a "version" with such an end as the name of a file.
  if (wanted.length > 200 || /\.(?:tgz|tar\.gz|tar)$/i.test(wanted)) return false;
  if (wanted === "" || TAG.test(wanted)) return true;
  return wanted.split("||").every((range) =>
    range
      .trim()
      .replace(/([<>=~^])\s+/g, "$1")
      .split(/\s+/)
      .every((part) => part === "" || part === "-" || COMPARATOR.test(part)),
  );
}

/** Null, or why it did not go: in no tenant's own words, as several may wait for it. */
async function installOnce(
  options: PackagesOptions,
  target: string,
  dependencies: Dependencies,
): Promise<string | null> {
  await mkdir(options.dir, { recursive: true });
  await removeStale(options.dir);
  const dir = await mkdtemp(join(options.dir, `.installing-${randomBytes(4).toString("hex")}-`));
  try {
    const manifest = {
      name: "function",
      version: "0.0.0",
      private: true,
      dependencies: Object.fromEntries(dependencies),
    };
    await writeFile(join(dir, "package.json"), JSON.stringify(manifest));
    const npm = options.npm ?? runNpm;
    const run = await npm({ dir, environment: options.environment, timeoutMs: options.timeoutMs ?? TIMEOUT_MS });
    const problem = run.kind === "done" ? await sizeProblem(dir, options.bytesMax ?? BYTES_MAX) : installProblem(run);
    if (problem) return problem;
    await moveInto(dir, target);
    await markUsed(target);
    await removeLeastUsed(options.dir, options.setsMax ?? SETS_MAX);
    return null;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** Another process may have installed the same set meanwhile; then its copy is as good as ours. */
async function moveInto(dir: string, target: string): Promise<void> {
  try {
    await rename(dir, target);
  } catch (thrown) {
    const code = errnoOf(thrown);
    if (code !== "ENOTEMPTY" && code !== "EEXIST") throw thrown;
  }
}

/** What a killed install left. */
async function removeStale(dir: string): Promise<void> {
  for (const name of await readdir(dir)) {
    if (!name.startsWith(".installing-")) continue;
    const path = join(dir, name);
    const found = await stat(path).catch(() => null);
    if (found && Date.now() - found.mtimeMs > STALE_MS) await rm(path, { recursive: true, force: true });
  }
}

/** When this process last used a set, finer than a folder's time; that one tells those of earlier processes. */
const usedAtMs = new Map<string, number>();

async function markUsed(target: string): Promise<void> {
  usedAtMs.set(target, performance.timeOrigin + performance.now());
  await utimes(target, new Date(), new Date());
}

async function lastUseMs(path: string): Promise<number> {
  return usedAtMs.get(path) ?? (await stat(path).catch(() => null))?.mtimeMs ?? 0;
}

/** By the time of last use. */
async function removeLeastUsed(dir: string, setsMax: number): Promise<void> {
  const names = (await readdir(dir)).filter((name) => !name.startsWith("."));
  const sets = await Promise.all(names.map(async (name) => ({ name, lastMs: await lastUseMs(join(dir, name)) })));
  const unused = sets.toSorted((a, b) => b.lastMs - a.lastMs).slice(setsMax);
  for (const { name } of unused) {
    forgetPackages(join(dir, name));
    usedAtMs.delete(join(dir, name));
    await rm(join(dir, name), { recursive: true, force: true });
  }
}

async function sizeProblem(dir: string, bytesMax: number): Promise<string | null> {
  let bytes = 0;
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    bytes += (await stat(join(entry.parentPath, entry.name))).size;
    if (bytes > bytesMax) {
      return `The packages take more than ${Math.round(bytesMax / 1024 / 1024)} MB. Use fewer or smaller ones.`;
    }
  }
  return null;
}

const npmError = z.object({
  error: z.object({ code: z.string().default(""), summary: z.string().default(""), detail: z.string().default("") }),
});

function installProblem(run: Exclude<Awaited<ReturnType<NpmRun>>, { kind: "done" }>): string {
  if (run.kind === "no_npm") return "npm was not found on this server. Ask its operator to install Node with npm.";
  if (run.kind === "timed_out")
    return "Installing the packages took too long and was stopped. Deploy again, or use fewer packages.";
  const { code, summary, detail } = readNpmError(run);
  // The registry's address is the operator's business.
  const text = summary
    .replace(/https?:\/\/\S+/g, "the registry")
    .trim()
    .slice(0, 300);
  if (code === "E404")
    return `${quoted(`${summary} ${detail}`) ?? "A package"} is not in the npm registry. Check its name.`;
  if (code === "ETARGET") return `${text.replace(/\.$/, "")}. Choose a version that exists.`;
  if (/^(?:ENOTFOUND|ECONN|ETIMEDOUT|EAI_AGAIN|ENETUNREACH|ERR_SOCKET)/.test(code)) {
    return "The npm registry can't be reached from this server. Deploy again later, or ask its operator to check npm's registry setting.";
  }
  if (code === "ERESOLVE")
    return "The packages want versions of each other that don't go together. Change their versions.";
  return `npm could not install the packages (${code || "no code"}): ${text || "it gave no reason"}`;
}

function readNpmError({ stdout, stderr }: { stdout: string; stderr: string }): z.infer<typeof npmError>["error"] {
  const unread = { code: "", summary: stderr, detail: "" };
  try {
    const result = npmError.safeParse(JSON.parse(stdout));
    return result.success ? result.data.error : unread;
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return unread;
    throw thrown;
  }
}

function quoted(text: string): string | undefined {
  return /'([^']+)'/.exec(text)?.[0];
}

/** The dependency that a message is about, as it stands in package.json. */
function mentioned(problem: string, dependencies: Dependencies): string {
  const name = dependencies.map(([each]) => each).find((each) => problem.includes(each));
  return name ? JSON.stringify(name) : '"dependencies"';
}

function inManifest(source: Source, literal: string, message: string): SourceError {
  const text = source.files.get("package.json") ?? "";
  const rows = text.split("\n");
  const row = Math.max(
    0,
    rows.findIndex((each) => each.includes(literal)),
  );
  return atLine("package.json", text, [row + 1, Math.max(0, rows[row]?.indexOf(literal) ?? 0) + 1], message);
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
