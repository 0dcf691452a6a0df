import { createHash } from "node:crypto";
import { copyFile, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { build, type Plugin } from "esbuild";

/**
 * Puts the code editor and the types of Workers into public/monaco, from node_modules: the console loads them from its own origin.
 * Apart from Next, because Monaco is 35 MB of modules that never change between two builds of ours.
 */
const root = join(import.meta.dirname, "../..");
const target = join(root, "public/monaco");
const monaco = join(root, "node_modules/monaco-editor");

const LANGUAGES = new Set(["typescript", "javascript", "css", "html", "markdown", "sql", "xml", "yaml", "ini"]);

const WORKERS = {
  "editor.worker": "esm/vs/editor/editor.worker.js",
  "ts.worker": "esm/vs/languages/features/typescript/ts.worker.js",
  "json.worker": "esm/vs/languages/features/json/json.worker.js",
  "css.worker": "esm/vs/languages/features/css/css.worker.js",
  "html.worker": "esm/vs/languages/features/html/html.worker.js",
};

const onlyOurLanguages: Plugin = {
  name: "only-our-languages",
  setup(context) {
    context.onLoad({ filter: /languages[/\\]definitions[/\\][\w-]+[/\\]register\.js$/ }, ({ path }) => {
      const language = /definitions[/\\]([\w-]+)[/\\]register\.js$/.exec(path)?.[1];
      return language && LANGUAGES.has(language) ? undefined : { contents: "" };
    });
  },
};

async function stampOfInputs(): Promise<string> {
  const inputs = [
    import.meta.filename,
    join(monaco, "package.json"),
    join(root, "node_modules/@cloudflare/workers-types/package.json"),
  ];
  const hash = createHash("sha256");
  for (const path of inputs) hash.update(await readFile(path));
  return hash.digest("hex");
}

async function main(): Promise<void> {
  const stamp = await stampOfInputs();
  const built = await readFile(join(target, "stamp.txt"), "utf8").catch(() => "");
  if (built === stamp) return;
  // Into a folder beside it, so that a build that is killed half-way leaves no half editor.
  const outdir = join(root, `public/.monaco-${process.pid}`);
  try {
    await buildInto(outdir);
    await writeFile(join(outdir, "stamp.txt"), stamp);
    await rm(target, { recursive: true, force: true });
    await rename(outdir, target);
  } finally {
    await rm(outdir, { recursive: true, force: true });
  }
}

async function buildInto(outdir: string): Promise<void> {
  await mkdir(outdir, { recursive: true });
  const shared = {
    bundle: true,
    minify: true,
    outdir,
    logLevel: "warning",
    loader: { ".ttf": "file" },
    legalComments: "none",
  } as const;
  await build({
    ...shared,
    entryPoints: { monaco: join(monaco, "esm/vs/index.js") },
    format: "esm",
    splitting: true,
    chunkNames: "chunks/[hash]",
    target: "es2022",
    plugins: [onlyOurLanguages],
  });
  await build({
    ...shared,
    entryPoints: Object.fromEntries(Object.entries(WORKERS).map(([name, path]) => [name, join(monaco, path)])),
    format: "iife",
    target: "es2022",
  });
  // Not as .d.ts: our own type check would take it for ours, and give every file of the console the globals of a Worker.
  await copyFile(join(root, "node_modules/@cloudflare/workers-types/index.d.ts"), join(outdir, "workers-types.txt"));
  await copyFile(join(monaco, "LICENSE"), join(outdir, "LICENSE.txt"));
}

await main();
