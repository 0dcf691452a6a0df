import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { testDatabase, type TestDatabase } from "#server/db/test-database.ts";
import { newId, type Id } from "#server/std/id.ts";
import { STORED_BYTES_MAX, VALUE_BYTES_MAX } from "./bounds.ts";
import { deleteEntry, getEntries, getEntry, putEntry, type EntryWrite, type NamespaceKey } from "./entries.ts";
import { expiresAtS } from "./expiration.ts";
import { listKeys } from "./list.ts";
import { createNamespace, deleteNamespace, listNamespaces, namespaceById } from "./namespaces.ts";
import { sqlIn, sqlOf, type Sql } from "./sql.ts";
import { sweepKeys } from "./sweep.ts";

let database: TestDatabase;
let sql: Sql;
let of: NamespaceKey & { namespaceId: Id<"kvNamespace"> };
const userId = newId("user");

beforeAll(async () => {
  database = await testDatabase();
  sql = sqlOf(database.db);
});
afterAll(() => database[Symbol.asyncDispose]());
beforeEach(async () => {
  const organizationId = await organization();
  of = {
    organizationId,
    namespaceId: await createNamespace(database.db, { organizationId, userId, name: "sessions" }),
  };
});

async function organization(): Promise<Id<"organization">> {
  const id = newId("organization");
  await database.db.organization.create({ data: { id, slug: id.slice(4), name: "Acme" }, select: { id: true } });
  return id;
}

const text = (value: string): Buffer<ArrayBuffer> => Buffer.from(value);
const put = (key: string, value: string | Buffer, more: Partial<EntryWrite> = {}) =>
  putEntry(sql, of, { key, value: Buffer.from(value), metadata: null, expiresAtS: null, ...more });
const read = async (key: string): Promise<string | null> => {
  const entry = await getEntry(sql, of, key);
  return entry && Buffer.from(entry.value).toString();
};
const names = async (options: Parameters<typeof listKeys>[2] = {}) =>
  (await listKeys(sql, of, options)).keys.map(({ name }) => name);
const total = async () => {
  const { keys, bytes } = await namespaceById(database.db, of);
  return { keys, bytes };
};
/** As if its time had come: what would take a minute at least. */
const expire = (key: string) =>
  database.db.kvEntry.updateMany({
    where: { namespaceId: of.namespaceId, key: text(key) },
    data: { expiresAt: new Date(Date.now() - 2_000) },
  });

describe("a key", () => {
  const hostile = [
    "../up",
    "a/../b",
    "nul\0in it",
    "%2F",
    "/",
    "ü\u{1F600}",
    " ",
    "x'; DROP TABLE kv_entry; --",
    "k".repeat(512),
  ];

  test.each(hostile)("%j keeps what is put under it, and nothing else does", async (key) => {
    await put("other", "another");
    await put(key, `value of ${key}`, { metadata: '{"grüße":"\u{1F600}"}' });
    expect(await read(key)).toBe(`value of ${key}`);
    expect((await getEntry(sql, of, key))?.metadata).toBe('{"grüße":"\u{1F600}"}');
    expect(await names({ prefix: key })).toEqual([key]);
    await deleteEntry(sql, of, key);
    expect(await read(key)).toBeNull();
    expect(await read("other")).toBe("another");
  });

  test("that is empty, a dot or too long is refused in the words of Workers KV", async () => {
    await expect(put("", "x")).rejects.toThrow("Key names must not be empty");
    await expect(put("..", "x")).rejects.toThrow('Illegal key name "..". Please use a different name.');
    await expect(put("ü".repeat(257), "x")).rejects.toThrow(
      "UTF-8 encoded length of 514 exceeds key length limit of 512.",
    );
  });
});

describe("a value", () => {
  test("of any bytes comes back as it was put, of 25 MiB too; one byte more is refused", async () => {
    const all = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    await put("all", all);
    expect(Buffer.from((await getEntry(sql, of, "all"))?.value ?? []).equals(all)).toBe(true);
    const large = Buffer.alloc(VALUE_BYTES_MAX, "0123456789");
    await put("large", large);
    expect(Buffer.from((await getEntry(sql, of, "large"))?.value ?? []).equals(large)).toBe(true);
    await expect(put("large", Buffer.alloc(VALUE_BYTES_MAX + 1))).rejects.toThrow(
      "Value length of 26214401 exceeds limit of 26214400.",
    );
    expect(await total()).toEqual({ keys: 2, bytes: VALUE_BYTES_MAX + 5 + 256 + 3 });
  });

  test("has metadata of 1,024 bytes at most, and loses it when it is put without", async () => {
    const metadata = JSON.stringify("ü".repeat(511));
    await put("k", "1", { metadata });
    expect((await getEntry(sql, of, "k"))?.metadata).toBe(metadata);
    await expect(put("k", "2", { metadata: `${metadata} ` })).rejects.toThrow(
      "Metadata length of 1025 exceeds limit of 1024.",
    );
    await put("k", "3");
    expect(await getEntry(sql, of, "k")).toMatchObject({ metadata: null });
  });

  test("is not there from the moment that it expires, and is swept later", async () => {
    await put("a", "1");
    await put("b", "2", { expiresAtS: 4_000_000_000, metadata: '"m"' });
    expect(await listKeys(sql, of, {})).toEqual({
      cursor: null,
      keys: [
        { name: "a", metadata: null, expiresAtS: null, valueBytes: 1 },
        { name: "b", metadata: '"m"', expiresAtS: 4_000_000_000, valueBytes: 1 },
      ],
    });
    await expire("b");
    expect(await read("b")).toBeNull();
    expect(await names()).toEqual(["a"]);
    expect(await getEntries(sql, of, ["a", "b"])).toEqual(new Map([["a", { value: text("1"), metadata: null }]]));
    expect(await total()).toEqual({ keys: 2, bytes: 7 });
    expect((await sweepKeys(database.db)).expired).toBe(1);
    expect(await total()).toEqual({ keys: 1, bytes: 2 });
    expect(await read("a")).toBe("1");
  });
});

describe("a time to live", () => {
  const now = Date.UTC(2026, 0, 1);
  const nowS = now / 1000;

  test("is counted from now, and goes before a moment", () => {
    expect(expiresAtS({}, now)).toBeNull();
    expect(expiresAtS({ expirationTtl: "60" }, now)).toBe(nowS + 60);
    expect(expiresAtS({ expirationTtl: "61", expiration: "1" }, now)).toBe(nowS + 61);
    expect(expiresAtS({ expiration: String(nowS + 60) }, now)).toBe(nowS + 60);
  });

  test.each([
    [{ expirationTtl: "30" }, "Invalid expiration_ttl of 30. Expiration TTL must be at least 60."],
    [{ expirationTtl: "0" }, "Invalid expiration_ttl of 0. Please specify integer greater than 0."],
    [{ expirationTtl: "x" }, "Invalid expiration_ttl of x. Please specify integer greater than 0."],
    [
      { expiration: "5" },
      "Invalid expiration of 5. Please specify integer greater than the current number of seconds since the UNIX epoch.",
    ],
    [
      { expiration: String(nowS + 59) },
      `Invalid expiration of ${nowS + 59}. Expiration times must be at least 60 seconds in the future.`,
    ],
  ])("%j is refused in the words of Workers KV", (wish, message) => {
    expect(() => expiresAtS(wish, now)).toThrow(message);
  });
});

describe("a listing", () => {
  test("is in the order of UTF-8 bytes, by prefix, and its cursor goes on after the last key", async () => {
    // UTF-16 would have the emoji before U+FFFD.
    const keys = ["a", "a/1", "a/2", "a/\u{10FFFF}", "b", "\uFFFD", "\u{1F600}"];
    for (const key of keys.toReversed()) await put(key, key);
    expect(await names()).toEqual(keys);
    expect(await names({ prefix: "a/" })).toEqual(["a/1", "a/2", "a/\u{10FFFF}"]);
    expect(await names({ prefix: "\u{1F600}" })).toEqual(["\u{1F600}"]);
    expect(await names({ prefix: "nothing" })).toEqual([]);
    const seen: string[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const page: Awaited<ReturnType<typeof listKeys>> = await listKeys(sql, of, { limit: 2, cursor });
      expect(page.keys.length).toBeLessThanOrEqual(2);
      seen.push(...page.keys.map(({ name }) => name));
      cursor = page.cursor;
    }
    expect(seen).toEqual(keys);
    expect((await listKeys(sql, of, { limit: 2 })).cursor).toBe(Buffer.from("a/1").toString("base64"));
    expect((await listKeys(sql, of, { limit: 7 })).cursor).toBeNull();
  });

  test("of no key, of too many and after nonsense is refused in the words of Workers KV", async () => {
    await expect(names({ limit: 0 })).rejects.toThrow(
      "Invalid key_count_limit of 0. Please specify an integer greater than 0.",
    );
    await expect(names({ limit: 1_001 })).rejects.toThrow(
      "Invalid key_count_limit of 1001. Please specify an integer less than 1000.",
    );
    await expect(names({ cursor: "not base64!" })).rejects.toThrow("Invalid cursor.");
    expect(await names({ limit: 1_000 })).toEqual([]);
  });
});

test("many keys are read at once, 100 and 25 MB at most", async () => {
  await put("a", "1", { metadata: "{}" });
  await put("b", "2");
  expect(await getEntries(sql, of, ["a", "b", "c", "a"])).toEqual(
    new Map([
      ["a", { value: text("1"), metadata: "{}" }],
      ["b", { value: text("2"), metadata: null }],
    ]),
  );
  await expect(getEntries(sql, of, [])).rejects.toThrow("You must request a minimum of 1 key");
  const tooMany = Array.from({ length: 101 }, (_, at) => `k${at}`);
  await expect(getEntries(sql, of, tooMany)).rejects.toThrow("You can request a maximum of 100 keys");
  await put("large", Buffer.alloc(VALUE_BYTES_MAX));
  await expect(getEntries(sql, of, ["a", "large"])).rejects.toThrow("Total size of request exceeds the limit of 25MB");
});

test("totals are right after writes at once, over and over each other, in and out of transactions", async () => {
  const writes = Array.from({ length: 60 }, (_, at) => put(`k${at % 7}`, "v".repeat(at)));
  await Promise.all([...writes, ...[0, 1, 2].map((at) => deleteEntry(sql, of, `k${at}`))]);
  await database.db.$transaction(async (tx) => {
    await putEntry(sqlIn(tx), of, { key: "in\0tx", value: Buffer.from([0, 255]), metadata: "[1]", expiresAtS: null });
    expect(await getEntry(sqlIn(tx), of, "in\0tx")).toMatchObject({ metadata: "[1]" });
  });
  expect(Buffer.from((await getEntry(sql, of, "in\0tx"))?.value ?? [])).toEqual(Buffer.from([0, 255]));
  const rows = await database.db.kvEntry.findMany({
    where: { namespaceId: of.namespaceId },
    select: { key: true, value: true, metadata: true },
  });
  const bytes = rows.reduce((sum, row) => sum + row.key.length + row.value.length + (row.metadata?.length ?? 0), 0);
  expect(await total()).toEqual({ keys: rows.length, bytes });
});

test("an organization stores no more than its plan's bound, all its namespaces together", async () => {
  const other = await createNamespace(database.db, { ...of, userId, name: "other" });
  await database.db.kvTotal.create({
    data: { namespaceId: other, shard: 3, keys: 1n, bytes: BigInt(STORED_BYTES_MAX.free) - 10n },
  });
  await put("12345", "12345");
  await expect(put("k", "")).rejects.toThrow(/take all the space that its plan gives/);
  await database.db.organization.update({
    where: { id: of.organizationId },
    data: { plan: "pro" },
    select: { id: true },
  });
  await put("k", "");
});

describe("another organization", () => {
  test("with a namespace's id in hand gets what one gets who made it up, at every operation", async () => {
    await put("secret", "hers");
    const organizationId = await organization();
    for (const namespaceId of [of.namespaceId, newId("kvNamespace")]) {
      const foreign = { organizationId, namespaceId };
      const write = { key: "secret", value: text("mine"), metadata: null, expiresAtS: null };
      const tries = [
        () => getEntry(sql, foreign, "secret"),
        () => getEntries(sql, foreign, ["secret"]),
        () => putEntry(sql, foreign, write),
        () => deleteEntry(sql, foreign, "secret"),
        () => listKeys(sql, foreign, {}),
        () => namespaceById(database.db, foreign),
        () => deleteNamespace(database.db, { ...foreign, userId, name: "sessions" }),
      ];
      for (const one of tries) await expect(one()).rejects.toThrow("There is no such namespace.");
    }
    expect(await read("secret")).toBe("hers");
    expect(await listNamespaces(database.db, organizationId)).toEqual([]);
  });
});

describe("a namespace", () => {
  test("has a name of its own in its organization, of printable characters", async () => {
    const make = (name: string) => createNamespace(database.db, { ...of, userId, name });
    await expect(make(" sessions ")).rejects.toThrow('There is already a namespace "sessions".');
    await expect(make("a\nb")).rejects.toThrow("Use printable characters only");
    await expect(make("  ")).rejects.toThrow("Give the namespace a name");
    await expect(make("x".repeat(65))).rejects.toThrow("Use at most 64 characters");
    await make("Größe / 2");
    const listed = await listNamespaces(database.db, of.organizationId);
    expect(listed.map(({ name }) => name)).toEqual(["Größe / 2", "sessions"].toSorted());
  });

  test("is gone at once when it is deleted under its name, what was in it is swept, and the deed is written down", async () => {
    await put("a", "1");
    const remove = (name: string) => deleteNamespace(database.db, { ...of, userId, name });
    await expect(remove("session")).rejects.toThrow("That is not its name.");
    await remove("sessions");
    await expect(read("a")).rejects.toThrow("There is no such namespace.");
    await expect(put("a", "2")).rejects.toThrow("There is no such namespace.");
    expect((await sweepKeys(database.db)).orphaned).toBe(1);
    const { namespaceId } = of;
    expect(await database.db.kvEntry.count({ where: { namespaceId } })).toBe(0);
    expect(await database.db.kvTotal.count({ where: { namespaceId } })).toBe(0);
    const entries = await database.db.auditEntry.findMany({
      where: { subject: namespaceId },
      orderBy: { at: "asc" },
      select: { action: true, userId: true },
    });
    expect(entries).toEqual([
      { action: "kv.namespace_created", userId },
      { action: "kv.namespace_deleted", userId },
    ]);
  });
});
