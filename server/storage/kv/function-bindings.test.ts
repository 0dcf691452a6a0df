import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Binding } from "#server/contract/bindings.ts";
import type { VersionSpec } from "#server/contract/prepare.ts";
import { testDatabase, type TestDatabase } from "#server/db/test-database.ts";
import { readBindings } from "#server/functions/binding-settings.ts";
import { deploy, type DeployTools } from "#server/functions/deploy.ts";
import type { FunctionKey } from "#server/functions/deployment.ts";
import { createFunction } from "#server/functions/functions.ts";
import { changeLimits } from "#server/functions/limit-settings.ts";
import { servingFunctions, versionToRun } from "#server/functions/serving.ts";
import { listVersions, rollBack } from "#server/functions/versions.ts";
import { newId } from "#server/std/id.ts";
import { bindNamespaces, functionsBoundTo } from "./function-bindings.ts";
import { createNamespace } from "./namespaces.ts";

let database: TestDatabase;
let tools: DeployTools;
let key: FunctionKey;
let bindings: Binding[];
let duringPrepare: (() => Promise<void>) | undefined;
const userId = newId("user");
const files = [{ path: "index.js", content: "export default { fetch: () => new Response('1') }" }];

beforeAll(async () => {
  database = await testDatabase();
  await database.db.user.create({ data: { id: userId, name: "Ada", email: "ada@example.com" } });
  tools = {
    db: database.db,
    packages: { install: () => Promise.resolve({ kind: "installed", dir: null }) },
    readiness: {
      async prepare() {
        await duringPrepare?.();
        return { kind: "ready", startMs: 3 };
      },
      changed: () => Promise.resolve(),
    },
  };
});
afterAll(() => database[Symbol.asyncDispose]());

beforeEach(async () => {
  duringPrepare = undefined;
  const organizationId = newId("organization");
  await database.db.organization.create({ data: { id: organizationId, slug: organizationId.slice(4), name: "Acme" } });
  const { id } = await createFunction(tools, { organizationId, userId, name: "hello", template: "hello" });
  key = { organizationId, functionId: id };
  const namespaceId = await createNamespace(database.db, { organizationId, userId, name: "visits" });
  bindings = [{ kind: "kv", name: "VISITS", namespaceId }];
});

const bind = (wished: Binding[]) => bindNamespaces(database.db, { ...key, userId, bindings: wished });
const deployed = async () => {
  const result = await deploy(tools, { ...key, userId, files });
  if (result.kind !== "deployed") throw new Error(result.kind);
  return result.versionNumber;
};
async function serving(): Promise<VersionSpec> {
  const [found] = await servingFunctions(database.db, { functionId: key.functionId });
  const spec = await versionToRun(database.db, found?.shares[0]?.versionId ?? "");
  if (!spec) throw new Error("nothing serves");
  return spec;
}

test("bindings apply from the next deploy on, are the version's own, and come back with it", async () => {
  const without = await deployed();
  await bind(bindings);
  expect((await serving()).bindings).toEqual([]);
  expect(await readBindings(database.db, key)).toEqual({
    wished: bindings,
    serving: { versionNumber: without, bindings: [] },
  });
  const bound = await deployed();
  expect([bound, (await serving()).bindings]).toEqual([without + 1, bindings]);
  await rollBack(tools, { ...key, userId, number: without });
  expect((await serving()).bindings).toEqual([]);
  await rollBack(tools, { ...key, userId, number: bound });
  expect((await serving()).bindings).toEqual(bindings);
});

test("the same source with the same bindings is the same version, and one without them is what it was before", async () => {
  const without = await deployed();
  await bind(bindings);
  const bound = await deployed();
  expect(await deployed()).toBe(bound);
  await bind([]);
  expect(await deployed()).toBe(without);
  expect(await listVersions(database.db, key)).toHaveLength(3);
});

test("new limits are deployed with the bindings that are set", async () => {
  await deployed();
  await bind(bindings);
  await changeLimits(tools, { ...key, userId, settings: { cpuMsMax: 50 } });
  expect(await serving()).toMatchObject({ bindings, limits: { cpuMsMax: 50 } });
});

test("a deploy that began before the bindings changed doesn't undo them", async () => {
  duringPrepare = () => bind(bindings);
  await expect(deploy(tools, { ...key, userId, files })).rejects.toThrow("bindings changed while this was deployed");
  expect((await readBindings(database.db, key)).wished).toEqual(bindings);
});

test("a name is one of env's, once; a namespace is one of the same organization; what is refused changes nothing", async () => {
  await bind(bindings);
  const [one] = bindings;
  if (!one) throw new Error("there is none");
  for (const name of ["", "1st", "a-b", "ü", "__proto__", "x".repeat(65)]) {
    await expect(bind([{ ...one, name }])).rejects.toMatchObject({ code: "invalid" });
  }
  await expect(bind([one, one])).rejects.toThrow("Two bindings have the same name");
  await expect(bind([{ ...one, namespaceId: newId("kvNamespace") }])).rejects.toThrow(
    "The namespace of VISITS is not there.",
  );
  const other = newId("organization");
  await database.db.organization.create({ data: { id: other, slug: other.slice(4), name: "Other" } });
  const foreign = await createNamespace(database.db, { organizationId: other, userId, name: "theirs" });
  await expect(bind([{ ...one, namespaceId: foreign }])).rejects.toThrow("The namespace of VISITS is not there.");
  expect((await readBindings(database.db, key)).wished).toEqual(bindings);
  expect(await functionsBoundTo(database.db, { ...key, namespaceId: one.namespaceId })).toEqual([
    { functionName: "hello", bindingName: "VISITS" },
  ]);
  const entry = await database.db.auditEntry.findFirst({
    where: { action: "function.bindings_changed", subject: key.functionId },
    select: { userId: true, detail: true },
  });
  expect(entry).toEqual({ userId, detail: { VISITS: one.namespaceId } });
});
