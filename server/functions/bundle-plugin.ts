import { readFile, realpath } from "node:fs/promises";
import { isBuiltin } from "node:module";
import { join, posix, relative, sep } from "node:path";
import type { Loader, OnLoadResult, OnResolveArgs, OnResolveResult, Plugin, PluginBuild } from "esbuild";
import { errnoOf } from "#server/std/fault.ts";
import type { Source } from "./source.ts";

/** The namespaces of a bundle. No module of ours is ever in esbuild's own "file" namespace, so that esbuild itself reads no module from disk. */
export const SOURCE = "source";
export const PACKAGE = "package";
const REQUIRED_BUILTIN = "required-builtin";

/** Marks a resolve that this plugin asked of esbuild itself, so that it doesn't catch its own question. */
const asked = { byPlugin: true };

const loaders: Record<string, Loader> = {
  ts: "ts",
  mts: "ts",
  cts: "ts",
  tsx: "tsx",
  js: "jsx",
  jsx: "jsx",
  mjs: "js",
  cjs: "js",
  json: "json",
  txt: "text",
  html: "text",
  sql: "text",
  css: "text",
  md: "text",
  svg: "text",
  csv: "text",
  xml: "text",
};
const EXTENSIONS = [".ts", ".tsx", ".mts", ".js", ".jsx", ".mjs", ".cjs", ".json"];
const TYPESCRIPT_OF: Record<string, string[]> = {
  ".js": [".ts", ".tsx"],
  ".jsx": [".tsx"],
  ".mjs": [".mts"],
  ".cjs": [".cts"],
};

/**
 * Answers every import of a bundle. A tenant's file may import the tenant's files, its packages, and what the runtime provides;
 * a package may import its own files and other packages of the same install. Nothing else on this machine can be named.
 */
export function tenantFiles(source: Source, packagesDir: string | null): Plugin {
  return {
    name: "tenant-files",
    setup(build) {
      build.onResolve({ filter: /.*/ }, (args) => {
        if (args.pluginData === asked) return undefined;
        return resolveImport(build, args, source, packagesDir);
      });
      build.onLoad({ filter: /.*/, namespace: SOURCE }, ({ path }) => load(path, source.files.get(path) ?? ""));
      build.onLoad({ filter: /.*/, namespace: PACKAGE }, async ({ path }) => {
        const contents = await readFile(join(packagesDir ?? "", path), "utf8");
        return load(path, contents.replace(/^\uFEFF/, ""));
      });
      // `require("fs")` of a CommonJS package: an ES module has no require, so it becomes an import with the same meaning.
      build.onLoad({ filter: /.*/, namespace: REQUIRED_BUILTIN }, ({ path }) => ({
        contents: `import builtin from ${JSON.stringify(path)};\nmodule.exports = builtin;`,
        loader: "js",
      }));
      build.onLoad({ filter: /.*/ }, ({ path }) => refuse(`${JSON.stringify(path)} is outside the function's files`));
    },
  };
}

async function resolveImport(
  build: PluginBuild,
  args: OnResolveArgs,
  source: Source,
  packagesDir: string | null,
): Promise<OnResolveResult> {
  const { path, kind, importer, namespace } = args;
  if (kind === "entry-point") return { path: source.entry, namespace: SOURCE };
  if (namespace === REQUIRED_BUILTIN) return { path, external: true };
  if (path.startsWith("cloudflare:")) return { path, external: true };
  if (isBuiltin(path)) return builtin(path, kind);
  if (/^[a-z][a-z0-9+.-]*:/i.test(path) || path.startsWith("//")) {
    return refuse(
      `"${path}" can't be imported. Import the function's own files, its npm packages, node:… or cloudflare:…`,
    );
  }
  if (path.startsWith("/") || path.includes("\\") || path.includes("\0")) {
    return refuse(
      `"${path}" is not one of the function's files. Use a relative path, such as "./${posix.basename(path)}"`,
    );
  }
  if (namespace === PACKAGE) return resolvePackage(build, args, packagesDir);
  if (path.startsWith(".")) return resolveSource(path, importer, source);
  return resolveBare(build, args, source, packagesDir);
}

function builtin(path: string, kind: OnResolveArgs["kind"]): OnResolveResult {
  const named = path.startsWith("node:") ? path : `node:${path}`;
  return kind === "require-call" ? { path: named, namespace: REQUIRED_BUILTIN } : { path: named, external: true };
}

function resolveSource(path: string, importer: string, { files }: Source): OnResolveResult {
  const target = posix.join(posix.dirname(importer), path);
  if (target === ".." || target.startsWith("../")) return refuse(`"${path}" leaves the function's folder`);
  const found = candidates(target).find((candidate) => files.has(candidate));
  if (found) return { path: found, namespace: SOURCE };
  return refuse(`There is no file "${target}". Add it, or correct the import`);
}

function candidates(target: string): string[] {
  const extension = posix.extname(target);
  const stem = target.slice(0, target.length - extension.length);
  const folder = target === "." ? "" : `${target.replace(/\/$/, "")}/`;
  return [
    target,
    ...EXTENSIONS.map((added) => target + added),
    ...(TYPESCRIPT_OF[extension] ?? []).map((typescript) => stem + typescript),
    ...EXTENSIONS.map((added) => `${folder}index${added}`),
  ];
}

async function resolveBare(
  build: PluginBuild,
  args: OnResolveArgs,
  source: Source,
  packagesDir: string | null,
): Promise<OnResolveResult> {
  const name = packageName(args.path);
  if (args.path.startsWith("#"))
    return refuse(`"${args.path}": imports of package.json are not supported; use a relative path`);
  if (source.manifest.dependencies[name] === undefined) {
    return refuse(`"${name}" is not installed. Add it to package.json: { "dependencies": { "${name}": "latest" } }`);
  }
  return resolvePackage(build, args, packagesDir);
}

function packageName(path: string): string {
  return path
    .split("/")
    .slice(0, path.startsWith("@") ? 2 : 1)
    .join("/");
}

/** What was found in an install. Its folder never changes while it is there, so an answer holds until the folder goes. */
const found = new Map<string, Map<string, Promise<OnResolveResult>>>();

/** A folder of packages is gone; one that comes in its place may be laid out in another way. */
export function forgetPackages(packagesDir: string): void {
  found.delete(packagesDir);
}
const INSTALLS_REMEMBERED = 50;

/** Asking takes a round trip and several looks at the disk for each import; a package like hono has a hundred. */
async function resolvePackage(
  build: PluginBuild,
  args: OnResolveArgs,
  packagesDir: string | null,
): Promise<OnResolveResult> {
  if (packagesDir === null) return refuse(`"${args.path}" is not installed`);
  const answers = found.get(packagesDir) ?? new Map<string, Promise<OnResolveResult>>();
  if (!found.has(packagesDir)) {
    const [oldest] = found.keys();
    if (found.size >= INSTALLS_REMEMBERED && oldest !== undefined) found.delete(oldest);
    found.set(packagesDir, answers);
  }
  const folder = args.namespace === PACKAGE ? posix.dirname(args.importer) : "";
  const question = JSON.stringify([args.kind, folder, args.path]);
  const answer = answers.get(question) ?? askForPackage(build, args, packagesDir);
  // Only what was found: the number of names that don't exist has no bound.
  const result = await answer;
  if (!result.errors) answers.set(question, answer);
  return result;
}

/** esbuild knows `exports`, conditions and main fields, so it is asked; what it finds counts only inside the install. */
async function askForPackage(build: PluginBuild, args: OnResolveArgs, packagesDir: string): Promise<OnResolveResult> {
  const resolveDir = args.namespace === PACKAGE ? join(packagesDir, posix.dirname(args.importer)) : packagesDir;
  const answer = await build.resolve(args.path, {
    kind: args.kind,
    resolveDir,
    importer: "",
    namespace: "file",
    pluginData: asked,
  });
  if (answer.errors.length > 0 || answer.path === "")
    return refuse(`"${args.path}" was not found in the installed packages`);
  const inside = await pathInside(packagesDir, answer.path);
  if (inside === null) return refuse(`"${args.path}" leads outside the installed packages`);
  return { path: inside, namespace: PACKAGE, sideEffects: answer.sideEffects };
}

/** The path below a folder, links followed, with slashes; null when it leads out of it. */
async function pathInside(folder: string, path: string): Promise<string | null> {
  try {
    const [root, target] = await Promise.all([realpath(folder), realpath(path)]);
    return target.startsWith(root + sep) ? relative(root, target).split(sep).join("/") : null;
  } catch (thrown) {
    if (errnoOf(thrown) === undefined) throw thrown;
    return null;
  }
}

function load(path: string, contents: string): OnLoadResult {
  const extension = posix.extname(path).slice(1).toLowerCase();
  const loader = extension === "" ? "text" : loaders[extension];
  if (loader) return { contents, loader };
  return refuse(
    `Files of the kind .${extension} can't be imported yet. Keep such data in a bucket, or as base64 in a .ts file`,
  );
}

function refuse(text: string): { errors: { text: string }[] } {
  return { errors: [{ text }] };
}
