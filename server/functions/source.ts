import { createHash } from "node:crypto";
import { posix } from "node:path";
import { z } from "zod";
import { Fault } from "#server/std/fault.ts";

export type SourceFile = { path: string; content: string };

/** A complaint about the tenant's own text. Line and column are 1-based, in the tenant's file. */
export type SourceError = {
  message: string;
  file: string | null;
  line: number | null;
  column: number | null;
  lineText: string | null;
};

/** A function's files, checked, by path. */
export type Source = { files: ReadonlyMap<string, string>; manifest: Manifest; entry: string };

export const FILES_MAX = 500;
export const SOURCE_BYTES_MAX = 10 * 1024 * 1024;
const PATH_BYTES_MAX = 200;
const ENTRIES = ["src/index.ts", "index.ts", "src/index.js", "index.js"];

/** The shape alone, for a door to check; what a file may be is decided by `readSource`. */
export const sourceFiles = z.array(z.object({ path: z.string(), content: z.string() }));

const manifest = z.object({
  main: z.string().optional(),
  dependencies: z.record(z.string(), z.string()).default({}),
});
export type Manifest = z.infer<typeof manifest>;

export type SourceReading = { kind: "read"; source: Source } | { kind: "failed"; errors: SourceError[] };

/** Checks files that a tenant sent. What is hostile or too large is a fault; what is a slip in the code is an outcome with its place. */
export function readSource(sent: readonly SourceFile[]): SourceReading {
  const files = checkedFiles(sent);
  const read = readManifest(files.get("package.json"));
  if (read.kind === "failed") return read;
  const entry = entryOf(files, read.manifest);
  if (typeof entry !== "string") return { kind: "failed", errors: [entry] };
  return { kind: "read", source: { files, manifest: read.manifest, entry } };
}

/** One hash for one content, whatever the order of the files. */
export function contentHash(files: ReadonlyMap<string, string>, settings: unknown): string {
  const hash = createHash("sha256");
  for (const path of [...files.keys()].toSorted()) hash.update(`${JSON.stringify([path, files.get(path)])}\n`);
  return hash.update(JSON.stringify(settings)).digest("hex");
}

/** Why a path can't be one of a function's files, or null. Shared with the page, so that a name is refused as it is typed. */
export function pathProblem(path: string): string | null {
  if (path === "") return "A file needs a name";
  if (!path.isWellFormed()) return "The name holds broken UTF-8";
  if (Buffer.byteLength(path) > PATH_BYTES_MAX) return `Use at most ${PATH_BYTES_MAX} bytes`;
  if (/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(path)) return "The name holds a control character";
  if (path.includes("\\")) return "Use / between folders, not \\";
  if (path.startsWith("/") || /^[a-z]:/i.test(path)) return "Use a path relative to the function's folder";
  const segments = path.split("/");
  if (segments.some((segment) => segment === "" || segment === "." || segment === "..")) {
    return "Leave out empty, . and .. segments";
  }
  if (segments.includes("node_modules")) return "Packages are installed from package.json; leave out node_modules";
  return null;
}

function checkedFiles(sent: readonly SourceFile[]): Map<string, string> {
  if (sent.length === 0) throw new Fault("invalid", "A function needs at least one file. Add index.ts.");
  if (sent.length > FILES_MAX) {
    throw new Fault(
      "too_large",
      `${sent.length} files are too many. Keep to ${FILES_MAX}; bring libraries in as npm packages.`,
    );
  }
  const files = new Map<string, string>();
  let bytes = 0;
  for (const { path, content } of sent) {
    const problem = pathProblem(path) ?? contentProblem(content);
    if (problem) throw new Fault("invalid", `${shown(path)}: ${problem}.`, { field: "files" });
    if (files.has(path))
      throw new Fault("invalid", `${shown(path)} is there twice. Rename or delete one.`, { field: "files" });
    files.set(path, content);
    bytes += Buffer.byteLength(path) + Buffer.byteLength(content);
  }
  if (bytes > SOURCE_BYTES_MAX) {
    const megabytes = (bytes / 1024 / 1024).toFixed(1);
    throw new Fault(
      "too_large",
      `${megabytes} MB of source is too much. Keep to 10 MB; large data belongs into a bucket.`,
    );
  }
  refuseFilesAsFolders(files);
  return files;
}

function refuseFilesAsFolders(files: ReadonlyMap<string, string>): void {
  for (const path of files.keys()) {
    for (let folder = posix.dirname(path); folder !== "."; folder = posix.dirname(folder)) {
      if (files.has(folder)) {
        throw new Fault("invalid", `${shown(folder)} is a file and a folder at once. Rename one.`, { field: "files" });
      }
    }
  }
}

function contentProblem(content: string): string | null {
  if (content.includes("\0")) return "It holds a NUL byte; only text files can be deployed";
  if (!content.isWellFormed()) return "It holds broken UTF-8; save it as UTF-8";
  return null;
}

/** A path as a message may show it: whatever a tenant sent, no control character reaches a terminal or a page. */
function shown(path: string): string {
  return JSON.stringify(
    path
      .slice(0, PATH_BYTES_MAX)
      .toWellFormed()
      .replace(/[\p{Cc}\p{Cf}]/gu, "\uFFFD"),
  );
}

function readManifest(
  text: string | undefined,
): { kind: "read"; manifest: Manifest } | { kind: "failed"; errors: SourceError[] } {
  if (text === undefined) return { kind: "read", manifest: { dependencies: {} } };
  try {
    const result = manifest.safeParse(JSON.parse(text));
    if (result.success) return { kind: "read", manifest: result.data };
    const issue = result.error.issues[0];
    const where = issue && issue.path.length > 0 ? `"${issue.path.join(".")}"` : "The file";
    return {
      kind: "failed",
      errors: [atLine("package.json", text, [1, 1], `${where} is not of the right form: ${issue?.message}`)],
    };
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown;
    const place = /line (\d+) column (\d+)/.exec(thrown.message);
    const lines = text.split("\n");
    const [line, column] = place
      ? [Number(place[1]), Number(place[2])]
      : [lines.length, (lines.at(-1) ?? "").length + 1];
    return {
      kind: "failed",
      errors: [atLine("package.json", text, [line, column], `This is not JSON: ${thrown.message}`)],
    };
  }
}

/** A complaint about one place of one file. */
export function atLine(file: string, text: string, [line, column]: [number, number], message: string): SourceError {
  return { message, file, line, column, lineText: text.split("\n")[line - 1]?.slice(0, 500) ?? null };
}

function entryOf(files: ReadonlyMap<string, string>, { main }: Manifest): string | SourceError {
  if (main === undefined) {
    const found = ENTRIES.find((path) => files.has(path));
    if (found) return found;
    const message = `There is no entry. Add ${ENTRIES.join(", ")}, or name one as "main" in package.json.`;
    return { message, file: null, line: null, column: null, lineText: null };
  }
  const path = posix.normalize(main);
  if (files.has(path)) return path;
  const text = files.get("package.json") ?? "";
  const line = text.split("\n").findIndex((row) => row.includes('"main"')) + 1;
  return atLine(
    "package.json",
    text,
    [Math.max(1, line), 1],
    `"main" names ${shown(main)}, but there is no such file.`,
  );
}
