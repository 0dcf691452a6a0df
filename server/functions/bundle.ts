import {
  build,
  formatMessages,
  stop,
  type BuildFailure,
  type BuildOptions,
  type Message,
  type OutputFile,
} from "esbuild";
import { z } from "zod";
import { messageOf } from "#server/std/fault.ts";
import { PACKAGE, SOURCE, tenantFiles } from "./bundle-plugin.ts";
import type { Source, SourceError } from "./source.ts";

export type BundleResult =
  | { kind: "bundled"; code: string; sourceMap: string }
  | { kind: "failed"; errors: SourceError[] };

export const BUNDLE_BYTES_MAX = 10 * 1024 * 1024;
const ERRORS_MAX = 20;

/** Makes one ES module of a function's files and its installed packages. */
export async function bundle(source: Source, packagesDir: string | null): Promise<BundleResult> {
  try {
    return bundled(
      await buildOrRetry({
        entryPoints: [source.entry],
        bundle: true,
        write: false,
        outfile: "worker.js",
        format: "esm",
        target: "esnext",
        platform: "neutral",
        conditions: ["workerd", "worker", "browser"],
        mainFields: ["browser", "module", "main"],
        define: { "process.env.NODE_ENV": '"production"' },
        sourcemap: "external",
        sourcesContent: false,
        legalComments: "none",
        charset: "utf8",
        logLevel: "silent",
        absPaths: [],
        // Given, so that esbuild looks for no tsconfig.json on this machine; taken apart, because `extends` would read one.
        tsconfigRaw: { compilerOptions: compilerOptions(source.files.get("tsconfig.json")) },
        plugins: [tenantFiles(source, packagesDir)],
      }),
    );
  } catch (thrown) {
    if (isBuildFailure(thrown)) return { kind: "failed", errors: thrown.errors.slice(0, ERRORS_MAX).map(sourceError) };
    return {
      kind: "failed",
      errors: [general(`The bundler gave up on this code: ${messageOf(thrown).split("\n")[0]}`)],
    };
  }
}

let serviceLife = 0;
let suspects: Promise<unknown> = Promise.resolve();

/**
 * Code that is nested without end overflows the stack of esbuild's service, and with it ends every build in flight.
 * Those are tried once more, one after another, so that only the guilty one fails.
 */
async function buildOrRetry(options: BuildOptions): Promise<OutputFile[]> {
  const life = serviceLife;
  try {
    return (await build(options)).outputFiles ?? [];
  } catch (thrown) {
    if (isBuildFailure(thrown)) throw thrown;
    await replaceService(life);
    const alone = suspects.then(() => buildAlone(options));
    suspects = alone.catch(() => undefined);
    return alone;
  }
}

async function buildAlone(options: BuildOptions): Promise<OutputFile[]> {
  const life = serviceLife;
  try {
    return (await build(options)).outputFiles ?? [];
  } catch (thrown) {
    if (!isBuildFailure(thrown)) await replaceService(life);
    throw thrown;
  }
}

/** Only the first to notice the end of one service may end it for esbuild's books; a later one would end its successor. */
async function replaceService(life: number): Promise<void> {
  if (life !== serviceLife) return;
  serviceLife += 1;
  await stop();
}

/** Starts esbuild's long-lived service, so that the first deploy doesn't wait for it. */
export async function warmBundler(): Promise<void> {
  await formatMessages([], { kind: "error" });
}

function bundled(files: OutputFile[]): BundleResult {
  const code = files.find((file) => file.path.endsWith(".js"));
  const map = files.find((file) => file.path.endsWith(".map"));
  if (!code || !map) throw new Error("esbuild returned no module");
  if (code.contents.byteLength > BUNDLE_BYTES_MAX) {
    const megabytes = (code.contents.byteLength / 1024 / 1024).toFixed(1);
    return {
      kind: "failed",
      errors: [general(`The bundle has ${megabytes} MB; 10 MB is the most. Use fewer or smaller packages.`)],
    };
  }
  return { kind: "bundled", code: code.text, sourceMap: map.text };
}

const tsconfig = z.object({
  compilerOptions: z
    .object({
      jsx: z.enum(["preserve", "react", "react-jsx", "react-jsxdev", "react-native"]).optional().catch(undefined),
      jsxFactory: z.string().optional().catch(undefined),
      jsxFragmentFactory: z.string().optional().catch(undefined),
      jsxImportSource: z.string().optional().catch(undefined),
      experimentalDecorators: z.boolean().optional().catch(undefined),
      useDefineForClassFields: z.boolean().optional().catch(undefined),
    })
    .default({}),
});

type CompilerOptions = {
  [Option in keyof z.infer<typeof tsconfig>["compilerOptions"]]: NonNullable<
    z.infer<typeof tsconfig>["compilerOptions"][Option]
  >;
};

const TSCONFIG_CHARACTERS_MAX = 8_192;

/** What a tenant's tsconfig.json may decide. One that can't be read decides nothing: it is the editor's file more than ours. */
function compilerOptions(text: string | undefined): CompilerOptions {
  // The patterns below take quadratic time on texts made for it; no tsconfig.json that a person wrote is as long.
  if (text === undefined || text.length > TSCONFIG_CHARACTERS_MAX) return {};
  const plain = text
    .replace(/("(?:\\.|[^"\\])*")|\/\/[^\n]*|\/\*[\s\S]*?\*\//g, (_, literal: string | undefined) => literal ?? "")
    .replace(/("(?:\\.|[^"\\])*")|,(?=\s*[}\]])/g, (_, literal: string | undefined) => literal ?? "");
  try {
    const result = tsconfig.safeParse(JSON.parse(plain));
    return result.success ? withoutUndefined(result.data.compilerOptions) : {};
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return {};
    throw thrown;
  }
}

function withoutUndefined(options: z.infer<typeof tsconfig>["compilerOptions"]): CompilerOptions {
  const { jsx, jsxFactory, jsxFragmentFactory, jsxImportSource, experimentalDecorators, useDefineForClassFields } =
    options;
  return {
    ...(jsx === undefined ? {} : { jsx }),
    ...(jsxFactory === undefined ? {} : { jsxFactory }),
    ...(jsxFragmentFactory === undefined ? {} : { jsxFragmentFactory }),
    ...(jsxImportSource === undefined ? {} : { jsxImportSource }),
    ...(experimentalDecorators === undefined ? {} : { experimentalDecorators }),
    ...(useDefineForClassFields === undefined ? {} : { useDefineForClassFields }),
  };
}

function isBuildFailure(thrown: unknown): thrown is BuildFailure {
  return thrown instanceof Error && "errors" in thrown && Array.isArray(thrown.errors) && thrown.errors.length > 0;
}

function sourceError({ text, location }: Message): SourceError {
  if (!location) return general(text);
  // esbuild counts columns in bytes from zero; an editor counts characters from one.
  const before = Buffer.from(location.lineText).subarray(0, location.column).toString();
  return {
    message: text,
    file: ownPath(location.file),
    line: location.line,
    column: before.length + 1,
    lineText: location.lineText.slice(0, 500),
  };
}

/** A path as the tenant knows it: "src/a.ts", "node_modules/hono/dist/hono.js". */
export function ownPath(path: string): string {
  if (path.startsWith(`${SOURCE}:`)) return path.slice(SOURCE.length + 1);
  if (path.startsWith(`${PACKAGE}:`)) return path.slice(PACKAGE.length + 1);
  return path;
}

function general(message: string): SourceError {
  return { message, file: null, line: null, column: null, lineText: null };
}
