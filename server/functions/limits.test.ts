import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  defaultLimits,
  functionLimits,
  limitCeilings,
  limitFloors,
  limitName,
  planName,
} from "#server/contract/limits.ts";
import type { Readiness as ReadinessResult, VersionSpec } from "#server/contract/prepare.ts";
import { PlanName } from "#server/db/generated/enums.ts";
import { testDatabase, type TestDatabase } from "#server/db/test-database.ts";
import { newId } from "#server/std/id.ts";
import { deploy, type DeployTools } from "./deploy.ts";
import type { FunctionKey } from "./deployment.ts";
import { createFunction } from "./functions.ts";
import { changeLimits, readLimits } from "./limit-settings.ts";
import { limitsOn } from "./limits.ts";
import { servingFunctions, versionToRun } from "./serving.ts";
import { listVersions, rollBack, versionSource } from "./versions.ts";

describe("the table of limits", () => {
  test("every plan of the database has its row, and no other", () => {
    expect(planName.options.toSorted()).toEqual(Object.values(PlanName).toSorted());
  });

  test.each(planName.options)("on %s every floor is below the default, every default below the ceiling", (plan) => {
    for (const name of limitName.options) {
      expect([name, limitFloors[name] <= defaultLimits[plan][name]]).toEqual([name, true]);
      expect([name, defaultLimits[plan][name] <= limitCeilings[plan][name]]).toEqual([name, true]);
    }
    expect(functionLimits.parse(limitCeilings[plan])).toEqual(limitCeilings[plan]);
  });

  test("a version of before a limit was there gets the plan's default for it, and keeps the rest", () => {
    const old = { cpuMsMax: 2_000, wallMsMax: 30_000, memoryMbMax: 128, instancesMax: 2 };
    expect(limitsOn("pro", old)).toEqual({ ...defaultLimits.pro, ...old });
    expect(functionLimits.parse(old)).toMatchObject({ ...old, subRequestsMax: 50, logBytesMax: 65_536 });
  });

  test("a limit that this release does not know is left out", () => {
    expect(limitsOn("free", { dreamsMax: 3 })).toEqual(defaultLimits.free);
  });
});

let database: TestDatabase;
let tools: DeployTools;
let answer: ReadinessResult;
let key: FunctionKey;
const organization = () => newId("organization");
const userId = newId("user");
const prepared: VersionSpec[] = [];

beforeAll(async () => {
  database = await testDatabase();
  await database.db.user.create({ data: { id: userId, name: "Ada", email: "ada@example.com" } });
  tools = {
    db: database.db,
    packages: { install: () => Promise.resolve({ kind: "installed", dir: null }) },
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

beforeEach(async () => {
  answer = { kind: "ready", startMs: 3 };
  const organizationId = organization();
  await database.db.organization.create({
    data: { id: organizationId, slug: organizationId.slice(4, 20), name: "Acme" },
  });
  const { id } = await createFunction(tools, { organizationId, userId, name: "hello", template: "hello" });
  key = { organizationId, functionId: id };
});

const change = (settings: Parameters<typeof changeLimits>[1]["settings"]) =>
  changeLimits(tools, { ...key, userId, settings });
const setPlan = (plan: "free" | "pro") =>
  database.db.organization.update({ where: { id: key.organizationId }, data: { plan }, select: { id: true } });

/** What the runtime would run now. */
async function serving() {
  const [found] = await servingFunctions(database.db, { functionId: key.functionId });
  const spec = await versionToRun(database.db, found?.shares[0]?.versionId ?? "");
  if (!found || !spec) throw new Error("nothing serves");
  expect(found.plan).toBe(spec.plan);
  return spec;
}

test("a function begins with its plan's defaults", async () => {
  expect((await serving()).limits).toEqual(defaultLimits.free);
  const report = await readLimits(database.db, key);
  expect(report.plan).toBe("free");
  expect(report.rows.find(({ name }) => name === "cpuMsMax")).toEqual({
    name: "cpuMsMax",
    wished: null,
    fallback: 1_000,
    floor: 10,
    ceiling: 10_000,
  });
});

test("new limits are a new version of the same source and the same bundle, which serves at once", async () => {
  const before = await serving();
  expect(await change({ cpuMsMax: 50 })).toMatchObject({ kind: "deployed", versionNumber: 2 });
  const after = await serving();
  expect([after.number, after.limits.cpuMsMax, after.bundle === before.bundle]).toEqual([2, 50, true]);
  expect((await versionSource(database.db, key))?.files).toEqual(
    (await versionSource(database.db, { ...key, number: 1 }))?.files,
  );
  expect((await versionToRun(database.db, before.versionId))?.limits.cpuMsMax).toBe(1_000);
  const audit = await database.db.auditEntry.findFirst({
    where: { subject: key.functionId, action: "function.limits_changed" },
    select: { userId: true, detail: true },
  });
  expect(audit).toEqual({ userId, detail: { number: 2, cpuMsMax: 50 } });
  const deployment = await database.db.deployment.findFirst({
    where: { functionId: key.functionId },
    orderBy: { createdAt: "desc" },
    select: { message: true },
  });
  expect(deployment?.message).toBe("Limits changed: CPU time of a request 50 ms");
});

test("the next deploy keeps what was wished, and the same limits with the same source are the same version", async () => {
  await change({ cpuMsMax: 50 });
  const files = [{ path: "index.ts", content: "export default { fetch: () => new Response('b') };" }];
  expect(await deploy(tools, { ...key, userId, files })).toMatchObject({ versionNumber: 3 });
  expect((await serving()).limits.cpuMsMax).toBe(50);
  expect(await change({})).toMatchObject({ versionNumber: 4 });
  expect(await change({ cpuMsMax: 50 })).toMatchObject({ versionNumber: 3 });
});

test("a version that does not start with its new limits replaces nothing, and nothing is kept of the wish", async () => {
  answer = { kind: "failed", message: "The function used more memory than its limit allows while it started." };
  expect(await change({ memoryMbMax: 32 })).toMatchObject({ kind: "start_failed" });
  expect((await serving()).number).toBe(1);
  expect((await listVersions(database.db, key)).length).toBe(1);
  const report = await readLimits(database.db, key);
  expect(report.rows.every(({ wished }) => wished === null)).toBe(true);
});

test.each([
  [{ cpuMsMax: 10_001 }, "cpuMsMax", /CPU time of a request: 10,000 ms is the most on the Free plan.*Pro/],
  [{ subRequestsMax: 51 }, "subRequestsMax", /50 is the most on the Free plan/],
  [{ requestBodyBytesMax: 101 * 1024 * 1024 }, "requestBodyBytesMax", /100 MB is the most on the Free plan/],
  [{ memoryMbMax: 31 }, "memoryMbMax", /Memory of an instance: 32 MB is the least/],
])("%j is refused at its field, in words that name limit, bound and plan", async (settings, field, message) => {
  await expect(change(settings)).rejects.toThrow(expect.objectContaining({ code: "invalid", field }));
  await expect(change(settings)).rejects.toThrow(message);
});

test("Pro allows more, and has its own end", async () => {
  await setPlan("pro");
  expect(await change({ cpuMsMax: 300_000, subRequestsMax: 1_000 })).toMatchObject({ kind: "deployed" });
  await expect(change({ cpuMsMax: 300_001 })).rejects.toThrow(
    /300,000 ms is the most on the Pro plan\. Choose less\.$/,
  );
});

test("leaving Pro bounds what serves without a deploy, the next deploy too; coming back gives what was wished", async () => {
  await setPlan("pro");
  await change({ cpuMsMax: 60_000, memoryMbMax: 1_024 });
  expect((await serving()).limits).toMatchObject({ cpuMsMax: 60_000, memoryMbMax: 1_024 });
  await setPlan("free");
  expect(await serving()).toMatchObject({ plan: "free", limits: { cpuMsMax: 10_000, memoryMbMax: 256 } });
  const report = await readLimits(database.db, key);
  expect(report.rows.find(({ name }) => name === "cpuMsMax")).toMatchObject({ wished: 10_000, ceiling: 10_000 });
  const files = [{ path: "index.ts", content: "export default { fetch: () => new Response('c') };" }];
  await deploy(tools, { ...key, userId, files });
  expect(prepared.at(-1)?.limits).toMatchObject({ cpuMsMax: 10_000, memoryMbMax: 256 });
  await setPlan("pro");
  await deploy(tools, { ...key, userId, files });
  expect((await serving()).limits).toMatchObject({ cpuMsMax: 60_000, memoryMbMax: 1_024 });
});

test("a roll-back brings back the limits of its version, within the plan, and the page says that they differ", async () => {
  await setPlan("pro");
  await change({ cpuMsMax: 60_000 });
  await change({ cpuMsMax: 50 });
  await setPlan("free");
  await rollBack(tools, { ...key, userId, number: 2 });
  expect(prepared.at(-1)?.limits.cpuMsMax).toBe(10_000);
  const report = await readLimits(database.db, key);
  expect(report.serving).toMatchObject({ versionNumber: 2, limits: { cpuMsMax: 10_000 } });
  expect(report.rows.find(({ name }) => name === "cpuMsMax")?.wished).toBe(50);
});

test("of new limits and a new source at once, the later is refused instead of undoing the earlier", async () => {
  const files = [{ path: "index.ts", content: "export default { fetch: () => new Response('d') };" }];
  const { readiness } = tools;
  const gate = Promise.withResolvers<void>();
  const slow: DeployTools = {
    ...tools,
    readiness: { ...readiness, prepare: async (spec) => (await gate.promise, readiness.prepare(spec)) },
  };
  const [slowDeploy, slowChange] = [
    deploy(slow, { ...key, userId, files }),
    changeLimits(slow, { ...key, userId, settings: { instancesMax: 2 } }),
  ];
  await change({ cpuMsMax: 50 });
  gate.resolve();
  const conflict = expect.objectContaining({ code: "conflict" });
  await Promise.all([expect(slowDeploy).rejects.toThrow(conflict), expect(slowChange).rejects.toThrow(conflict)]);
  expect((await serving()).limits).toMatchObject({ cpuMsMax: 50, instancesMax: defaultLimits.free.instancesMax });
});

test("before the first version they are kept for it", async () => {
  answer = { kind: "failed", message: "no" };
  const { id } = await createFunction(tools, { ...key, userId, name: "second", template: "hello" });
  const of = { organizationId: key.organizationId, functionId: id };
  expect(await changeLimits(tools, { ...of, userId, settings: { memoryMbMax: 256 } })).toEqual({ kind: "saved" });
  answer = { kind: "ready", startMs: 1 };
  const files = [{ path: "index.ts", content: "export default { fetch: () => new Response('e') };" }];
  await deploy(tools, { ...of, userId, files });
  expect(prepared.at(-1)?.limits.memoryMbMax).toBe(256);
});

test("to another organization a function has no limits to read or change", async () => {
  const theirs = { organizationId: organization(), functionId: key.functionId };
  const notFound = expect.objectContaining({ code: "not_found" });
  await expect(readLimits(database.db, theirs)).rejects.toThrow(notFound);
  await expect(changeLimits(tools, { ...theirs, userId, settings: {} })).rejects.toThrow(notFound);
});
