import { z } from "zod";

export type SourceFile = { path: string; content: string };

const draft = z.object({ files: z.array(z.object({ path: z.string(), content: z.string() })).min(1) });

function keyOf(organization: string, name: string): string {
  return `sluice:draft:${organization}/${name}`;
}

/** What was written and not deployed, kept in this browser; null when there is nothing, or it can't be read. */
export function readDraft(organization: string, name: string): SourceFile[] | null {
  try {
    const result = draft.safeParse(JSON.parse(localStorage.getItem(keyOf(organization, name)) ?? "null"));
    return result.success ? result.data.files : null;
  } catch {
    // Storage may be switched off, and its text may be anything.
    return null;
  }
}

/** Keeps a draft, or forgets it. A full or absent storage loses the draft, not the page. */
export function writeDraft(organization: string, name: string, files: readonly SourceFile[] | null): void {
  try {
    if (files) localStorage.setItem(keyOf(organization, name), JSON.stringify({ files }));
    else localStorage.removeItem(keyOf(organization, name));
  } catch {
    // Nothing else to do: the files are still on the screen.
  }
}

export function sameFiles(a: readonly SourceFile[], b: readonly SourceFile[]): boolean {
  if (a.length !== b.length) return false;
  const contents = new Map(b.map((file) => [file.path, file.content]));
  return a.every((file) => contents.get(file.path) === file.content);
}

/** Names of the npm packages that a function's package.json asks for; none while it is being written and is no JSON. */
export function dependenciesOf(files: readonly SourceFile[]): string[] {
  const text = files.find((file) => file.path === "package.json")?.content;
  if (text === undefined) return [];
  try {
    const result = z.object({ dependencies: z.record(z.string(), z.unknown()) }).safeParse(JSON.parse(text));
    return result.success ? Object.keys(result.data.dependencies) : [];
  } catch {
    return [];
  }
}

/** Why a file can't have that name, or null. The server decides in the end; this tells sooner. */
export function pathComplaint(path: string, others: readonly string[]): string | null {
  if (path === "") return "Give the file a name";
  if (path.startsWith("/") || path.endsWith("/") || path.includes("\\") || /\p{Cc}/u.test(path))
    return "Use a name such as src/data.ts";
  if (path.split("/").some((segment) => segment === "" || segment === "." || segment === ".."))
    return "Leave out . and ..";
  if (others.includes(path)) return "There is already a file of that name";
  return null;
}

/** The file that a function begins with, to open first. */
export function firstPath(files: readonly SourceFile[]): string {
  const entries = ["src/index.ts", "index.ts", "src/index.js", "index.js"];
  return entries.find((path) => files.some((file) => file.path === path)) ?? files[0]?.path ?? "";
}
