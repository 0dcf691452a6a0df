import { Client } from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { channels } from "#server/contract/notify.ts";
import type { Readiness as ReadinessResult, VersionSpec } from "#server/contract/prepare.ts";
import { testDatabase, type TestDatabase } from "#server/db/test-database.ts";
import { newId, type Id } from "#server/std/id.ts";
import { deploy, type DeployTools } from "./deploy.ts";
import { createFunction, deleteFunction, functionByName, listFunctions } from "./functions.ts";
import type { Packages } from "./packages.ts";
import { templateNames } from "./templates.ts";
import { listVersions, rollBack, versionSource } from "./versions.ts";

let database: TestDatabase;
const organizationId = newId("organization");
const strangersId = newId("organization");
const userId = newId("user");
const prepared: VersionSpec[] = [];
let answer: ReadinessResult = { kind: "ready", startMs: 12 };
let tools: DeployTools;

/** No test of this file needs a package, so none is installed. */
const noPackages: Packages = { install: () => Promise.resolve({ kind: "installed", dir: null }) };

beforeAll(async () => {
  database = await testDatabase();
  const { db } = database;
  await db.user.create({ data: { id: userId, name: "Ada", email: "ada@example.com" } });
  await db.organization.create({ data: { id: organizationId, slug: "acme", name: "Acme" } });
  await db.organization.create({ data: { id: strangersId, slug: "other", name: "Other" } });
  tools = {
    db,
    packages: noPackages,
    readiness: {
      prepare(spec) {
        prepared.push(spec);
        return Promise.resolve(answer);
      },
      changed: () => Promise.resolve(),
    },
  };
});
afterAll(() => database[Symbol.asyncDispose]());

async function newFunction(name: string): Promise<{ organizationId: Id<"organization">; functionId: Id<"function"> }> {
  answer = { kind: "ready", startMs: 12 };
  const { id } = await createFunction(tools, { organizationId, userId, name, template: "hello" });
  return { organizationId, functionId: id };
}

function answering(text: string) {
  return [{ path: "index.ts", content: `export default { fetch: () => new Response(${JSON.stringify(text)}) };\n` }];
}

test("a function made from a template serves at once, as version 1", async () => {
  const key = await newFunction("first");
  const versions = await listVersions(tools.db, key);
  expect(versions).toMatchObject([{ number: 1, isActive: true, createdByName: "Ada" }]);
  expect((await functionByName(tools.db, { organizationId, name: "first" })).deployedAt).toBeInstanceOf(Date);
});

test("the same files are the same version, deployed again; others are the next", async () => {
  const key = await newFunction("again");
  expect(await deploy(tools, { ...key, userId, files: answering("b") })).toMatchObject({
    kind: "deployed",
    versionNumber: 2,
  });
  expect(await deploy(tools, { ...key, userId, files: answering("c") })).toMatchObject({
    kind: "deployed",
    versionNumber: 3,
  });
  expect(await deploy(tools, { ...key, userId, files: answering("b") })).toMatchObject({
    kind: "deployed",
    versionNumber: 2,
  });
  expect((await listVersions(tools.db, key)).map(({ number, isActive }) => [number, isActive])).toEqual([
    [3, false],
    [2, true],
    [1, false],
  ]);
});

test("a version that does not start is not stored, and its error is shown in the tenant's file", async () => {
  const key = await newFunction("broken");
  const files = [
    {
      path: "src/index.ts",
      content: 'import { boom } from "./boom";\nexport default { fetch: () => new Response(boom) };\n',
    },
    { path: "src/boom.ts", content: 'type Unused = string;\nexport const boom = 1;\nthrow new Error("top");\n' },
  ];
  answer = { kind: "failed", message: "Uncaught Error: top", position: { line: 3, column: 7 } };
  expect(await deploy(tools, { ...key, userId, files })).toEqual({
    kind: "start_failed",
    error: { message: "Uncaught Error: top", file: "src/boom.ts", line: 3, column: 7 },
  });
  expect(await listVersions(tools.db, key)).toMatchObject([{ number: 1, isActive: true }]);
});

test("code that can't be bundled never reaches the runtime", async () => {
  const key = await newFunction("syntax");
  const before = prepared.length;
  const result = await deploy(tools, { ...key, userId, files: [{ path: "index.ts", content: "export default {" }] });
  expect(result).toMatchObject({ kind: "bundle_failed", errors: [{ file: "index.ts", line: 1 }] });
  expect(prepared.length).toBe(before);
});

test("deploys at once get numbers of their own, and the same content one version", async () => {
  const key = await newFunction("race");
  const results = await Promise.all(
    ["a", "b", "c", "c", "c", "d"].map((text) => deploy(tools, { ...key, userId, files: answering(text) })),
  );
  const numbers = results.map((result) => (result.kind === "deployed" ? result.versionNumber : result.kind));
  expect(new Set(numbers)).toEqual(new Set([2, 3, 4, 5]));
  expect(new Set([numbers[2], numbers[3], numbers[4]]).size).toBe(1);
  expect((await listVersions(tools.db, key)).filter((version) => version.isActive)).toHaveLength(1);
});

test("a roll-back starts the old version first, then makes it serve by a new deployment", async () => {
  const key = await newFunction("back");
  await deploy(tools, { ...key, userId, files: answering("worse") });
  expect(await rollBack(tools, { ...key, userId, number: 1 })).toMatchObject({ kind: "deployed", versionNumber: 1 });
  expect(prepared.at(-1)?.bundle).toContain("Hello");
  expect((await versionSource(tools.db, key))?.number).toBe(1);
  expect((await versionSource(tools.db, { ...key, number: 2 }))?.files[0]?.content).toContain("worse");
  answer = { kind: "failed", message: "no" };
  expect(await rollBack(tools, { ...key, userId, number: 2 })).toMatchObject({ kind: "start_failed" });
  expect((await listVersions(tools.db, key)).find((version) => version.isActive)?.number).toBe(1);
  expect(await tools.db.deployment.count({ where: { functionId: key.functionId } })).toBe(3);
});

test("every node hears of a deploy and of a delete, by the function's id", async () => {
  const listener = new Client({ connectionString: database.url });
  await listener.connect();
  const heard: (string | undefined)[] = [];
  listener.on("notification", ({ payload }) => heard.push(payload));
  await listener.query(`LISTEN ${channels.function}`);
  const key = await newFunction("heard");
  await deleteFunction(tools.db, { ...key, userId });
  await listener.query("SELECT 1");
  await listener.end();
  expect(heard).toEqual([key.functionId, key.functionId]);
});

test("to another organization a function does not exist", async () => {
  const { functionId } = await newFunction("mine");
  const theirs = { organizationId: strangersId, functionId };
  const notFound = expect.objectContaining({ code: "not_found" });
  await expect(deploy(tools, { ...theirs, userId, files: answering("x") })).rejects.toThrow(notFound);
  await expect(listVersions(tools.db, theirs)).rejects.toThrow(notFound);
  await expect(rollBack(tools, { ...theirs, userId, number: 1 })).rejects.toThrow(notFound);
  await expect(deleteFunction(tools.db, { ...theirs, userId })).rejects.toThrow(notFound);
  await expect(versionSource(tools.db, theirs)).rejects.toThrow(notFound);
  expect(await listFunctions(tools.db, strangersId)).toEqual([]);
});

test("an organization has at most 100 functions, however many are made at once", async () => {
  await tools.db.function.createMany({
    data: Array.from({ length: 98 }, (_, n) => ({ id: newId("function"), organizationId: strangersId, name: `f${n}` })),
  });
  const results = await Promise.allSettled(
    ["a", "b", "c", "d"].map((name) =>
      createFunction(tools, { organizationId: strangersId, userId, name, template: "hello" }),
    ),
  );
  expect(results.filter((result) => result.status === "fulfilled")).toHaveLength(2);
  expect(await tools.db.function.count({ where: { organizationId: strangersId } })).toBe(100);
});

test("a name is taken once, and a bad one is refused at its field", async () => {
  await newFunction("taken");
  const conflict = expect.objectContaining({ code: "conflict", field: "name" });
  await expect(createFunction(tools, { organizationId, userId, name: "taken", template: "hello" })).rejects.toThrow(
    conflict,
  );
  const invalid = expect.objectContaining({ code: "invalid", field: "name" });
  for (const name of ["", "A", "a--b", "-a", "\ud800", "ü", "a".repeat(31)]) {
    await expect(createFunction(tools, { organizationId, userId, name, template: "hello" })).rejects.toThrow(invalid);
  }
});

test.each(templateNames.filter((name) => name !== "json-api"))("the template %s bundles", async (template) => {
  answer = { kind: "ready", startMs: 1 };
  const { firstDeploy } = await createFunction(tools, {
    organizationId,
    userId,
    name: `template-${template}`,
    template,
  });
  expect(firstDeploy).toMatchObject({ kind: "deployed", versionNumber: 1 });
});
