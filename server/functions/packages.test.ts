import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { newId } from "#server/std/id.ts";
import type { NpmRun } from "./npm.ts";
import { createPackages } from "./packages.ts";
import { readSource, type Source } from "./source.ts";

const acme = newId("organization");
const others = newId("organization");
let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "sluice-packages-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

function withDependencies(dependencies: Record<string, string>): Source {
  const manifest = JSON.stringify({ dependencies }, null, 2);
  const reading = readSource([
    { path: "index.js", content: "" },
    { path: "package.json", content: manifest },
  ]);
  if (reading.kind !== "read") throw new Error("not read");
  return reading.source;
}

function packagesWith(npm: NpmRun, bytesMax?: number) {
  return createPackages({ dir, environment: {}, npm, ...(bytesMax === undefined ? {} : { bytesMax }) });
}

const never: NpmRun = () => Promise.reject(new Error("npm must not run"));

test.each([
  "git+https://example.com/a.git",
  "github:a/b",
  "a/b",
  "https://example.com/a.tgz",
  "file:../../etc",
  "../x",
  "./x",
  "~/x",
  "/etc",
  "link:../x",
  "workspace:*",
  "npm:../x",
  "npm:a@file:../x",
  "npm:a@git://x",
  "1.0.0-a.tgz",
  "x.tar.gz",
  "c:/windows",
  "${HOME}",
])("%j is no version of the registry and never reaches npm", async (wanted) => {
  const result = await packagesWith(never).install(withDependencies({ bad: wanted }), acme);
  expect(result).toMatchObject({ kind: "failed", errors: [{ file: "package.json", line: 3, column: 5 }] });
});

test.each([
  "1.2.3",
  "^1.2.3",
  "~1",
  ">=1.2 <2",
  ">= 1.2",
  "1.x || 2.x",
  "1.2.3 - 2.3.4",
  "latest",
  "next",
  "*",
  "",
  "1.0.0-beta.1+b",
  "npm:other@^1",
  "npm:@a/b@2",
])("%j is a version of the registry", async (wanted) => {
  const result = await packagesWith(async () => ({ kind: "done" })).install(withDependencies({ good: wanted }), acme);
  expect(result.kind).toBe("installed");
});

test("one dependency set is installed once, however many deploy it at the same time", async () => {
  let runs = 0;
  const packages = packagesWith(async ({ dir: target }) => {
    runs += 1;
    await mkdir(join(target, "node_modules"));
    return { kind: "done" };
  });
  const results = await Promise.all([1, 2, 3].map(() => packages.install(withDependencies({ a: "1", b: "2" }), acme)));
  results.push(await packages.install(withDependencies({ b: "2", a: "1" }), acme));
  expect(new Set(results.map((result) => JSON.stringify(result))).size).toBe(1);
  expect(runs).toBe(1);
});

test("a problem is told to each who waits for it at its own line, and never in another tenant's text", async () => {
  const failing = packagesWith(async () => ({ kind: "timed_out" }));
  const compact = readSource([
    { path: "index.js", content: "" },
    { path: "package.json", content: '{"name":"secret","dependencies":{"slow":"1"}}' },
  ]);
  if (compact.kind !== "read") throw new Error("not read");
  const [mine, theirs] = await Promise.all([
    failing.install(compact.source, acme),
    failing.install(withDependencies({ slow: "1" }), others),
  ]);
  expect(mine).toMatchObject({ kind: "failed", errors: [{ line: 1 }] });
  expect(theirs).toMatchObject({ kind: "failed", errors: [{ line: 2 }] });
  expect(JSON.stringify(theirs)).not.toContain("secret");
});

test("npm runs for two organizations at a time, and for each of them once", async () => {
  const running: string[] = [];
  let most = 0;
  const packages = packagesWith(async () => {
    running.push("npm");
    most = Math.max(most, running.length);
    await new Promise((resolve) => setTimeout(resolve, 20));
    running.pop();
    return { kind: "done" };
  });
  const third = newId("organization");
  const results = await Promise.all(
    [acme, acme, others, third].map((organization, n) =>
      packages.install(withDependencies({ a: `${n}` }), organization),
    ),
  );
  expect(results.every(({ kind }) => kind === "installed")).toBe(true);
  expect(most).toBe(2);
});

test("an install that fails or is too large leaves nothing behind, and the next try starts anew", async () => {
  const failing = packagesWith(async () => ({
    kind: "failed",
    stderr: "",
    stdout: '{"error":{"code":"E404","summary":"\'nope@1\' is not in this registry"}}',
  }));
  expect(await failing.install(withDependencies({ nope: "1" }), acme)).toMatchObject({
    kind: "failed",
    errors: [{ message: "'nope@1' is not in the npm registry. Check its name.", file: "package.json", line: 3 }],
  });
  const large = packagesWith(async ({ dir: target }) => {
    await writeFile(join(target, "large"), Buffer.alloc(2000));
    return { kind: "done" };
  }, 1000);
  expect(await large.install(withDependencies({ nope: "1" }), acme)).toMatchObject({ kind: "failed" });
  expect(await readdir(dir)).toEqual([]);
  const fine = packagesWith(async () => ({ kind: "done" }));
  expect((await fine.install(withDependencies({ nope: "1" }), acme)).kind).toBe("installed");
});

test("of the dependency sets the least recently used go, so that tenants can't fill the disk with spellings of a range", async () => {
  let runs = 0;
  const npm: NpmRun = async () => {
    runs += 1;
    return { kind: "done" };
  };
  const packages = createPackages({ dir, environment: {}, npm, setsMax: 2 });
  await packages.install(withDependencies({ a: "1" }), acme);
  await packages.install(withDependencies({ a: "2" }), acme);
  await packages.install(withDependencies({ a: "1" }), acme);
  await packages.install(withDependencies({ a: "3" }), acme);
  expect(await readdir(dir)).toHaveLength(2);
  expect(runs).toBe(3);
  await packages.install(withDependencies({ a: "1" }), acme);
  expect(runs).toBe(3);
  await packages.install(withDependencies({ a: "2" }), acme);
  expect(runs).toBe(4);
});
