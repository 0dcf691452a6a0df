import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TRPCError } from "@trpc/server";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Role } from "#server/db/generated/enums.ts";
import { signUp } from "#server/accounts/sign-up.ts";
import { testDatabase, type TestDatabase } from "#server/db/test-database.ts";
import { systemClock as clock } from "#server/std/clock.ts";
import { type Id } from "#server/std/id.ts";
import { downloadObject, uploadObject } from "./object-files.ts";
import { createCaller } from "./root.ts";
import { testContext } from "./test-context.ts";

let database: TestDatabase;
let dataDir = "";
let ada: Id<"user">;
let eve: Id<"user">;

beforeAll(async () => {
  database = await testDatabase();
  dataDir = await mkdtemp(join(tmpdir(), "sluice-buckets-"));
  ada = await register("ada@example.com", "Acme");
  eve = await register("eve@example.com", "Evil");
});
afterAll(async () => {
  await database[Symbol.asyncDispose]();
  await rm(dataDir, { recursive: true, force: true });
});

async function register(email: string, organization: string): Promise<Id<"user">> {
  const account = { name: "S", email, password: "correct horse battery", organization, clientAddress: "192.0.2.1" };
  return (await signUp({ db: database.db, clock }, account)).userId;
}

const contextOf = (userId: Id<"user"> | null) => testContext({ db: database.db, userId, dataDir });
const callerOf = (userId: Id<"user"> | null) => createCaller(contextOf(userId));
const acme = { organizationSlug: "acme" };

async function code(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "ok",
    (error: unknown) => (error instanceof TRPCError ? error.code : String(error)),
  );
}

const file = (bucket: string, key: string, organizationSlug = "acme") => ({ organizationSlug, bucket, key });

function upload(
  userId: Id<"user"> | null,
  of: ReturnType<typeof file>,
  body: string,
  headers: Record<string, string> = {},
) {
  const length = { "content-length": String(Buffer.byteLength(body)) };
  const req = new Request("http://localhost/", { method: "PUT", body, headers: { ...length, ...headers } });
  return uploadObject(contextOf(userId), of, req);
}

async function asEveIn<Result>(role: Role, run: () => Promise<Result>): Promise<Result> {
  const { id: organizationId } = await database.db.organization.findUniqueOrThrow({
    where: { slug: "acme" },
    select: { id: true },
  });
  await database.db.member.create({ data: { organizationId, userId: eve, role } });
  try {
    return await run();
  } finally {
    await database.db.member.delete({ where: { organizationId_userId: { organizationId, userId: eve } } });
  }
}

test("a bucket is made, counted, browsed by folders and deleted once it is empty, and all of it is written down", async () => {
  const api = callerOf(ada);
  await api.bucket.create({ ...acme, name: "photos" });
  expect(await code(api.bucket.create({ ...acme, name: "photos" }))).toBe("CONFLICT");
  expect(await code(api.bucket.create({ ...acme, name: "Not valid" }))).toBe("BAD_REQUEST");
  for (const key of ["a.txt", "trips/1.jpg", "trips/2.jpg"])
    expect((await upload(ada, file("photos", key), key)).status).toBe(201);
  expect(await api.bucket.list(acme)).toMatchObject({
    buckets: [{ name: "photos", objectCount: 3n, storedBytes: 27n }],
    canWrite: true,
    endpoint: "http://localhost:9000",
  });
  const top = await api.bucket.browse({ ...acme, bucket: "photos" });
  expect([top.commonPrefixes, top.objects.map(({ key }) => key), top.next]).toEqual([["trips/"], ["a.txt"], null]);
  const below = await api.bucket.browse({ ...acme, bucket: "photos", prefix: "trips/" });
  expect(below.objects.map(({ key }) => key)).toEqual(["trips/1.jpg", "trips/2.jpg"]);
  expect(await code(api.bucket.delete({ ...acme, bucket: "photos" }))).toBe("CONFLICT");
  const keys = ["a.txt", "trips/1.jpg", "trips/2.jpg", "none"];
  expect((await api.bucket.deleteObjects({ ...acme, bucket: "photos", keys })).deleted).toHaveLength(3);
  await api.bucket.delete({ ...acme, bucket: "photos" });
  const audit = await database.db.auditEntry.findMany({
    where: { action: { startsWith: "bucket." } },
    orderBy: { at: "asc" },
    select: { action: true, userId: true },
  });
  expect(audit).toEqual([
    { action: "bucket.created", userId: ada },
    { action: "bucket.deleted", userId: ada },
  ]);
});

test("a key's secret is told once, never listed, and a key can be revoked; both are written down", async () => {
  const api = callerOf(ada);
  await api.bucket.create({ ...acme, name: "scoped" });
  const made = await api.s3Key.make({ ...acme, name: "laptop", access: "write", bucket: null });
  await api.s3Key.make({ ...acme, name: "reader", access: "read", bucket: "scoped" });
  expect(made.secret).toMatch(/^[\w-]{40}$/);
  const listed = await api.s3Key.list(acme);
  expect(listed.map(({ name, access, bucketName }) => [name, access, bucketName])).toEqual([
    ["reader", "read", "scoped"],
    ["laptop", "write", null],
  ]);
  expect(JSON.stringify(listed)).not.toContain(made.secret);
  expect(await code(api.s3Key.make({ ...acme, name: "x", access: "read", bucket: "none" }))).toBe("NOT_FOUND");
  await api.s3Key.revoke({ ...acme, id: made.id });
  expect(await code(api.s3Key.revoke({ ...acme, id: made.id }))).toBe("NOT_FOUND");
  expect((await api.s3Key.list(acme)).map(({ name }) => name)).toEqual(["reader"]);
  const actions = await database.db.auditEntry.findMany({ where: { subject: made.id }, select: { action: true } });
  expect(actions.map(({ action }) => action).toSorted()).toEqual(["s3_key.created", "s3_key.revoked"]);
});

test("to others nothing of it exists; a viewer looks and changes nothing; the billing role doesn't even look", async () => {
  const owner = callerOf(ada);
  await owner.bucket.create({ ...acme, name: "private" });
  await upload(ada, file("private", "a"), "secret");
  const key = await owner.s3Key.make({ ...acme, name: "k", access: "read", bucket: null });
  const api = callerOf(eve);
  const inBucket = { ...acme, bucket: "private" };
  const reads = () => [api.bucket.list(acme), api.bucket.browse(inBucket), api.s3Key.list(acme)];
  const writes = () => [
    api.bucket.create({ ...acme, name: "another" }),
    api.bucket.delete(inBucket),
    api.bucket.deleteObjects({ ...inBucket, keys: ["a"] }),
    api.s3Key.make({ ...acme, name: "x", access: "read", bucket: null }),
    api.s3Key.revoke({ ...acme, id: key.id }),
  ];
  const codes = (promises: Promise<unknown>[]) => Promise.all(promises.map(code));
  const files = async () => [
    (await downloadObject(contextOf(eve), file("private", "a"))).status,
    (await upload(eve, file("private", "a"), "x")).status,
  ];
  expect(new Set(await codes([...reads(), ...writes()]))).toEqual(new Set(["NOT_FOUND"]));
  expect(await files()).toEqual([404, 404]);
  await asEveIn("viewer", async () => {
    expect(new Set(await codes(reads()))).toEqual(new Set(["ok"]));
    expect(new Set(await codes(writes()))).toEqual(new Set(["FORBIDDEN"]));
    expect(await files()).toEqual([200, 403]);
  });
  await asEveIn("billing", async () => {
    expect(new Set(await codes([...reads(), ...writes()]))).toEqual(new Set(["FORBIDDEN"]));
    expect(await files()).toEqual([403, 403]);
  });
  // Her own organization is no way to another's bucket, key or object.
  const evil = { organizationSlug: "evil" };
  expect(await code(api.bucket.browse({ ...evil, bucket: "private" }))).toBe("NOT_FOUND");
  expect(await code(api.s3Key.revoke({ ...evil, id: key.id }))).toBe("NOT_FOUND");
  expect((await downloadObject(contextOf(eve), file("private", "a", "evil"))).status).toBe(404);
  expect((await downloadObject(contextOf(null), file("private", "a"))).status).toBe(401);
  expect(await (await downloadObject(contextOf(ada), file("private", "a"))).text()).toBe("secret");
});

test("an object that is a page is downloaded as a file: it never opens in the console's origin", async () => {
  await callerOf(ada).bucket.create({ ...acme, name: "pages" });
  const key = 'a/"evil"\r\nset-cookie: x=ü.html';
  expect(
    (await upload(ada, file("pages", key), "<script>alert(1)</script>", { "content-type": "text/html" })).status,
  ).toBe(201);
  const answer = await downloadObject(contextOf(ada), file("pages", key));
  expect(Object.fromEntries(answer.headers)).toMatchObject({
    "content-type": "application/octet-stream",
    "content-disposition": "attachment; filename*=UTF-8''%22evil%22%0D%0Aset-cookie%3A%20x%3D%C3%BC.html",
    "x-content-type-options": "nosniff",
    "content-security-policy": "sandbox; default-src 'none'",
  });
  expect(answer.headers.get("set-cookie")).toBeNull();
});

test("an upload has to say its length, and no more than 1 GB; a name that can't be kept is refused", async () => {
  await callerOf(ada).bucket.create({ ...acme, name: "bounds" });
  const to = file("bounds", "a");
  expect((await upload(ada, to, "x", { "content-length": String(1024 ** 3 + 1) })).status).toBe(413);
  expect((await upload(ada, to, "x", { "content-length": "x" })).status).toBe(400);
  expect((await upload(ada, to, "xx", { "content-length": "1" })).status).toBe(400);
  expect((await upload(ada, file("bounds", "a\0b"), "x")).status).toBe(400);
  expect((await upload(ada, file("none", "a"), "x")).status).toBe(404);
  const { buckets } = await callerOf(ada).bucket.list(acme);
  expect(buckets.find(({ name }) => name === "bounds")).toMatchObject({ objectCount: 0n });
});
