import { TRPCError } from "@trpc/server";
import { afterAll, beforeAll, expect, test } from "vitest";
import { signUp } from "#server/accounts/sign-up.ts";
import { connect } from "#server/db/client.ts";
import { testDatabase, type TestDatabase } from "#server/db/test-database.ts";
import { systemClock as clock } from "#server/std/clock.ts";
import { newId, type Id } from "#server/std/id.ts";
import { downloadKeys } from "./key-download.ts";
import { createCaller } from "./root.ts";
import { testContext } from "./test-context.ts";

let database: TestDatabase;
let ada: Id<"user">;
let eve: Id<"user">;
let acmeNamespace: string;

beforeAll(async () => {
  database = await testDatabase();
  ada = await register("ada@example.com", "Acme");
  eve = await register("eve@example.com", "Evil");
  acmeNamespace = await callerOf(ada).kv.create({ organizationSlug: "acme", name: "hers" });
});
afterAll(() => database[Symbol.asyncDispose]());

async function register(email: string, organization: string): Promise<Id<"user">> {
  const account = {
    name: "Someone",
    email,
    password: "correct horse battery",
    organization,
    clientAddress: "192.0.2.1",
  };
  return (await signUp({ db: database.db, clock }, account)).userId;
}

type Caller = ReturnType<typeof callerOf>;

/** Every door to what is in a namespace. */
function keyDoors(as: Caller, namespaceId: string): ((organizationSlug: string) => Promise<unknown>)[] {
  const entry = { namespaceId, key: "k", value: "v", metadata: null, expiresAtS: null, isNew: false };
  return [
    (organizationSlug) => as.kv.namespace({ organizationSlug, namespaceId }),
    (organizationSlug) => as.kv.keys({ organizationSlug, namespaceId }),
    (organizationSlug) => as.kv.entry({ organizationSlug, namespaceId, key: "k" }),
    (organizationSlug) => as.kv.put({ organizationSlug, ...entry }),
    (organizationSlug) => as.kv.remove({ organizationSlug, namespaceId, key: "k" }),
    (organizationSlug) =>
      as.kv.import({ organizationSlug, namespaceId, firstLine: 1, text: '{"key":"k","value":"mine"}' }),
    (organizationSlug) => as.kv.delete({ organizationSlug, namespaceId, name: "hers" }),
  ];
}

function callerOf(userId: Id<"user"> | null) {
  return createCaller(testContext({ db: database.db, userId }));
}

async function refusal(promise: Promise<unknown>): Promise<{ code: string; message: string }> {
  const thrown: unknown = await promise.then(
    () => null,
    (error: unknown) => error,
  );
  if (!(thrown instanceof TRPCError)) throw new Error("expected a refusal");
  return { code: thrown.code, message: thrown.message };
}

test("a stranger can't tell an organization of others from one that does not exist, at any door", async () => {
  const asEve = callerOf(eve);
  const doors = [
    (organizationSlug: string) => asEve.organization.get({ organizationSlug }),
    (organizationSlug: string) => asEve.organization.members({ organizationSlug }),
    (organizationSlug: string) => asEve.organization.rename({ organizationSlug, name: "Mine now" }),
    (organizationSlug: string) => asEve.usage.month({ organizationSlug }),
    (organizationSlug: string) => asEve.billing.overview({ organizationSlug }),
    (organizationSlug: string) => asEve.billing.month({ organizationSlug }),
    (organizationSlug: string) => asEve.deployment.recent({ organizationSlug }),
    (organizationSlug: string) => asEve.function.list({ organizationSlug }),
    (organizationSlug: string) => asEve.function.limits({ organizationSlug, name: "hello" }),
    (organizationSlug: string) => asEve.log.search({ organizationSlug, name: "hello", filter: {} }),
    (organizationSlug: string) =>
      asEve.log.follow({ organizationSlug, name: "hello", filter: {}, after: "~", openRequestIds: [] }),
    (organizationSlug: string) => asEve.function.changeLimits({ organizationSlug, name: "hello", limits: {} }),
    (organizationSlug: string) => asEve.binding.list({ organizationSlug, name: "hello" }),
    (organizationSlug: string) => asEve.binding.change({ organizationSlug, name: "hello", bindings: [] }),
    (organizationSlug: string) => asEve.kv.namespaces({ organizationSlug }),
    (organizationSlug: string) => asEve.kv.create({ organizationSlug, name: "mine" }),
    ...keyDoors(asEve, acmeNamespace),
  ];
  for (const door of doors) {
    const foreign = await refusal(door("acme"));
    expect(foreign).toEqual(await refusal(door("no-such-organization")));
    expect(foreign.code).toBe("NOT_FOUND");
  }
  const { name } = await database.db.organization.findUniqueOrThrow({
    where: { slug: "acme" },
    select: { name: true },
  });
  expect(name).toBe("Acme");
});

test("nobody who is not signed in gets past a door", async () => {
  expect((await refusal(callerOf(null).organization.get({ organizationSlug: "acme" }))).code).toBe("UNAUTHORIZED");
  expect((await refusal(callerOf(null).organization.mine())).code).toBe("UNAUTHORIZED");
});

test("a member's role is asked at every call, so that taking it away works at once", async () => {
  const acme = await database.db.organization.findUniqueOrThrow({ where: { slug: "acme" }, select: { id: true } });
  const key = { organizationId: acme.id, userId: eve };
  await database.db.member.create({ data: { ...key, role: "viewer" } });
  const asEve = callerOf(eve);
  expect(await asEve.organization.get({ organizationSlug: "acme" })).toMatchObject({
    role: "viewer",
    canRename: false,
  });
  expect((await refusal(asEve.organization.rename({ organizationSlug: "acme", name: "Mine" }))).code).toBe("FORBIDDEN");
  expect((await refusal(asEve.billing.overview({ organizationSlug: "acme" }))).code).toBe("FORBIDDEN");
  await database.db.member.delete({ where: { organizationId_userId: key } });
  expect((await refusal(asEve.organization.get({ organizationSlug: "acme" }))).code).toBe("NOT_FOUND");
});

test("who may deploy a function may change its limits; others see them, and a wish beyond the plan is told at its field", async () => {
  const acme = await database.db.organization.findUniqueOrThrow({ where: { slug: "acme" }, select: { id: true } });
  const key = { organizationId: acme.id, userId: eve };
  await database.db.function.create({ data: { id: newId("function"), organizationId: acme.id, name: "hello" } });
  await database.db.member.create({ data: { ...key, role: "viewer" } });
  const of = { organizationSlug: "acme", name: "hello" };
  expect(await callerOf(eve).function.limits(of)).toMatchObject({ canChange: false, plan: "free" });
  expect((await refusal(callerOf(eve).function.changeLimits({ ...of, limits: {} }))).code).toBe("FORBIDDEN");
  await database.db.member.update({
    where: { organizationId_userId: key },
    data: { role: "developer" },
    select: { role: true },
  });
  expect(await callerOf(eve).function.limits(of)).toMatchObject({ canChange: true });
  expect(await callerOf(eve).function.changeLimits({ ...of, limits: { cpuMsMax: 50 } })).toEqual({ kind: "saved" });
  const tooMuch = await refusal(callerOf(eve).function.changeLimits({ ...of, limits: { cpuMsMax: 20_000 } }));
  expect(tooMuch).toMatchObject({ code: "BAD_REQUEST", message: expect.stringContaining("10,000 ms is the most") });
  await database.db.member.delete({ where: { organizationId_userId: key } });
});

test("a namespace's id opens nothing in another organization, which answers as it does of one that nobody has", async () => {
  await callerOf(eve).kv.create({ organizationSlug: "evil", name: "hers" });
  for (const [at, door] of keyDoors(callerOf(eve), acmeNamespace).entries()) {
    const foreign = await refusal(door("evil"));
    const unknown = keyDoors(callerOf(eve), newId("kvNamespace"))[at];
    if (!unknown) throw new Error("there is a door more");
    expect(foreign).toEqual(await refusal(unknown("evil")));
    expect(foreign.code).toBe("NOT_FOUND");
  }
  await database.db.function.create({
    data: { id: newId("function"), organizationId: (await organizationOf("evil")).id, name: "thief" },
  });
  const bindings = [{ kind: "kv" as const, name: "KV", namespaceId: acmeNamespace }];
  const bound = callerOf(eve).binding.change({ organizationSlug: "evil", name: "thief", bindings });
  expect((await refusal(bound)).code).toBe("NOT_FOUND");
  const entries = { organizationSlug: "acme", namespaceId: acmeNamespace };
  expect(await callerOf(ada).kv.keys(entries)).toEqual({ keys: [], cursor: null });
});

test("a viewer reads keys and changes none; a developer does, and each change is written down", async () => {
  const of = { organizationSlug: "acme", namespaceId: acmeNamespace };
  const entry = { ...of, key: "k", value: "v", metadata: '{ "a": 1 }', expiresAtS: null, isNew: true };
  const key = { organizationId: (await organizationOf("acme")).id, userId: eve };
  await database.db.member.create({ data: { ...key, role: "viewer" } });
  expect(await callerOf(eve).kv.namespace(of)).toMatchObject({ name: "hers", canWrite: false });
  expect((await refusal(callerOf(eve).kv.put(entry))).code).toBe("FORBIDDEN");
  expect((await refusal(callerOf(eve).kv.delete({ ...of, name: "hers" }))).code).toBe("FORBIDDEN");
  await database.db.member.update({
    where: { organizationId_userId: key },
    data: { role: "developer" },
    select: { role: true },
  });
  const asEve = callerOf(eve);
  await asEve.kv.put(entry);
  expect((await refusal(asEve.kv.put(entry))).code).toBe("CONFLICT");
  expect(await refusal(asEve.kv.put({ ...entry, key: "l", metadata: "no json" }))).toMatchObject({
    code: "BAD_REQUEST",
    message: expect.stringContaining("Metadata is JSON"),
  });
  expect(await asEve.kv.entry({ ...of, key: "k" })).toEqual({
    value: "v",
    valueBytes: 1,
    metadata: '{"a":1}',
    expiresAtS: null,
  });
  await asEve.kv.remove({ ...of, key: "k" });
  const lines =
    '{"key":"a","value":"1"}\n\n{"key":"b","base64":"AP8=","metadata":[1],"expiration":4000000000}\n{"key":"c","value":"gone","expiration":1}';
  expect(await asEve.kv.import({ ...of, firstLine: 1, text: lines })).toEqual({ written: 2, expired: 1 });
  expect(await asEve.kv.entry({ ...of, key: "b" })).toMatchObject({ value: null, valueBytes: 2, metadata: "[1]" });
  const broken = await refusal(asEve.kv.import({ ...of, firstLine: 7, text: '{"key":"d","value":"1"}\n{"key":""}' }));
  expect(broken.message).toMatch(/^Line 8: /);
  expect(await asEve.kv.entry({ ...of, key: "d" })).toBeNull();
  const download = await downloadKeys(testContext({ db: database.db, userId: eve }), of);
  const exported = await download.text();
  expect(
    exported
      .trim()
      .split("\n")
      .map((line): unknown => JSON.parse(line)),
  ).toEqual([
    { key: "a", value: "1" },
    { key: "b", base64: "AP8=", metadata: [1], expiration: 4_000_000_000 },
  ]);
  const stranger = await downloadKeys(testContext({ db: database.db, userId: null }), of);
  expect(stranger.status).toBe(401);
  const entries = await database.db.auditEntry.findMany({
    where: { subject: acmeNamespace, userId: eve },
    orderBy: { at: "asc" },
    select: { action: true },
  });
  expect(entries.map(({ action }) => action)).toEqual(["kv.key_added", "kv.key_deleted", "kv.keys_imported"]);
  await database.db.member.delete({ where: { organizationId_userId: key } });
});

const organizationOf = (slug: string) =>
  database.db.organization.findUniqueOrThrow({ where: { slug }, select: { id: true } });

test("an owner renames the organization, its address stays, and the change is written down", async () => {
  await callerOf(ada).organization.rename({ organizationSlug: "acme", name: "  Acme Ltd " });
  expect(await callerOf(ada).organization.get({ organizationSlug: "acme" })).toMatchObject({
    name: "Acme Ltd",
    slug: "acme",
  });
  const entry = await database.db.auditEntry.findFirst({
    where: { action: "organization.renamed" },
    select: { userId: true, detail: true },
  });
  expect(entry).toEqual({ userId: ada, detail: { from: "Acme", to: "Acme Ltd" } });
});

test("a bug's own words never reach the caller", async () => {
  const db = connect("postgresql://nobody@127.0.0.1:1/none");
  const { code, message } = await refusal(createCaller(testContext({ db, userId: ada })).organization.mine());
  expect(code).toBe("INTERNAL_SERVER_ERROR");
  expect(message).toMatch(/^Something went wrong on our side.* error [0-9a-f]{8}\.$/);
});
