import { readFileSync, globSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { z } from "zod";

const root = join(import.meta.dirname, "..");
const rooms = "{app,server,bench,e2e,scripts,prisma,.ci}/**/*.{ts,tsx,mjs}";
const ours = globSync([rooms, "*.{ts,mjs}"], { cwd: root }).filter(
  (path) => !/(^|\/)(generated|node_modules)\//.test(path),
);

const read = (path: string) => readFileSync(join(root, path), "utf8");
const packages = z.record(z.string(), z.string());
const manifest = z.object({ dependencies: packages, optionalDependencies: packages, devDependencies: packages });

/** Names that hold anything say nothing: the thing belongs to a room that is missing. */
const emptyNames = /(^|\/)(index|utils|helpers|types)\.(ts|tsx|mjs)$/;

/** Who may know that there is a process.env beside server/env.ts, and why. */
const environmentReaders: readonly RegExp[] = [
  /^server\/env\.ts$/, // the one reader
  /^server\/supervisor\/start\.mjs$/, // runs before anything is installed
  /^\.ci\//, // as does the test command
  /^(next|prisma)\.config\.ts$/, // loaded by others' commands
  /^server\/db\/create-migration\.ts$/, // a command for developers, in a room below env.ts
  /(\.test\.ts|\/test-[a-z-]+\.ts)$/,
  /^server\/runtime\/attacks\//, // hostile code, as texts
  /^(e2e|bench)\//,
];

test("no file of ours has a name that could hold anything", () => {
  expect(ours.length).toBeGreaterThan(100);
  expect(ours.filter((path) => emptyNames.test(path))).toEqual([]);
});

test("the environment is read in one file", () => {
  const readers = ours.filter(
    (path) => !environmentReaders.some((reader) => reader.test(path)) && readsEnvironment(path),
  );
  expect(readers).toEqual([]);
});

test("every package is weighed in docs/decisions/0009", () => {
  const { dependencies, optionalDependencies, devDependencies } = manifest.parse(JSON.parse(read("package.json")));
  const record = read("docs/decisions/0009-dependencies.md");
  const names = Object.keys({ ...dependencies, ...optionalDependencies, ...devDependencies });
  expect(names.filter((name) => !record.includes(`| \`${name}\` |`))).toEqual([]);
});

/** A text that names process.env, as the bundler's define does, reads nothing. */
function readsEnvironment(path: string): boolean {
  return /(?<!["'`])\bprocess\.env\b/.test(read(path).replace(/^\s*(\/\/|\/?\*).*$/gm, ""));
}
