import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as wait } from "node:timers/promises";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { z } from "zod";
import { newId } from "#server/std/id.ts";
import { bucketNamed, createBucket, deleteBucket, listBuckets } from "./buckets.ts";
import { checksumOfParts, runningChecksum, type ChecksumAlgorithm } from "./checksum.ts";
import { completeUpload } from "./complete-upload.ts";
import { copyObject } from "./copy-object.ts";
import { combineCrcs, type CrcName } from "./crc.ts";
import { deleteObjects } from "./delete-objects.ts";
import { listObjects } from "./list-objects.ts";
import { abortUpload, createUpload, putPart } from "./multipart.ts";
import { putObject } from "./put-object.ts";
import { headObject, openObject } from "./read-object.ts";
import { refusalReason, type RefusalReason } from "./refusal.ts";
import { bytes, plain, testStore } from "./test-store.ts";

async function reason(promise: Promise<unknown>): Promise<RefusalReason | undefined> {
  return promise.then(
    () => undefined,
    (error: unknown) => refusalReason(error) ?? Promise.reject(error),
  );
}

const MB = 1024 * 1024;

test("what is put is got, with its MD5, headers and metadata; another put takes its place, and its file", async () => {
  await using at = await testStore();
  const of = { ...(await at.bucket()), key: "a/ü/😀/../\u0001" };
  const headers = { contentType: "text/plain", cacheControl: "no-cache" };
  await putObject(
    at.store,
    { ...of, headers, userMetadata: { color: "blue" } },
    bytes("hello", { algorithm: "CRC32" }),
  );
  expect(await headObject(at.store, of)).toMatchObject({
    key: of.key,
    sizeBytes: 5,
    etag: createHash("md5").update("hello").digest("hex"),
    headers,
    userMetadata: { color: "blue" },
    checksum: { algorithm: "CRC32", type: "FULL_OBJECT", value: "NhCmhg==" },
  });
  await at.put(of, of.key, "again");
  expect(await at.get(of, of.key)).toBe("again");
  expect(await at.files()).toHaveLength(1);
  expect(await bucketNamed(at.store.db, { ...of, name: "photos" })).toMatchObject({ objectCount: 1n, storedBytes: 5n });
});

test("a body that isn't what was promised, or never ends well, leaves nothing behind", async () => {
  await using at = await testStore();
  const of = { ...(await at.bucket()), key: "a", ...plain };
  const put = (body: ReturnType<typeof bytes>) => reason(putObject(at.store, of, body));
  expect(await put(bytes("x", { promised: { sizeBytes: 2 } }))).toBe("incomplete_body");
  expect(await put(bytes("x", { promised: { md5Hex: "0".repeat(32) } }))).toBe("wrong_md5");
  expect(await put(bytes("x", { promised: { sha256Hex: "0".repeat(64) } }))).toBe("wrong_sha256");
  expect(await put(bytes("x", { promised: { checksum: "AAAAAA==" }, algorithm: "CRC32C" }))).toBe("wrong_checksum");
  expect(await put(bytes("xx", { sizeBytesMax: 1 }))).toBe("too_large");
  async function* broken() {
    yield Buffer.from("half");
    throw new Error("the client went away");
  }
  await expect(putObject(at.store, of, bytes(broken()))).rejects.toThrow("went away");
  expect(await reason(headObject(at.store, of))).toBe("no_such_key");
  expect(await at.files()).toEqual([]);
});

test("names that can't be kept are refused: empty, with NUL, over 1,024 bytes, half a character", async () => {
  await using at = await testStore();
  const of = await at.bucket();
  const put = (key: string) => reason(putObject(at.store, { ...of, key, ...plain }, bytes("x")));
  expect(await put("")).toBe("invalid_key");
  expect(await put("a\0b")).toBe("invalid_key");
  expect(await put("\ud800")).toBe("invalid_key");
  expect(await put("ü".repeat(513))).toBe("key_too_long");
  expect(await put("ü".repeat(512))).toBeUndefined();
  expect(await at.files()).toHaveLength(1);
});

test("whoever reads goes on reading the object as it was, while it is replaced and deleted", async () => {
  await using at = await testStore();
  const of = { ...(await at.bucket()), key: "a" };
  await at.put(of, "a", "first");
  const { content } = await openObject(at.store, of);
  await at.put(of, "a", "second");
  await deleteObjects(at.store, of, ["a"]);
  expect(await text(content)).toBe("first");
  expect(await at.files()).toEqual([]);
});

test("readers of an object that is replaced again and again always get one whole version", async () => {
  await using at = await testStore();
  const of = { ...(await at.bucket()), key: "a" };
  const version = (number: number) => String(number % 10).repeat(50_000);
  await at.put(of, "a", version(0));
  const state = { isOver: false };
  const writing = (async () => {
    for (let number = 1; number <= 40; number += 1) await at.put(of, "a", version(number));
    state.isOver = true;
  })();
  let reads = 0;
  while (!state.isOver) {
    const content = await at.get(of, "a");
    expect(content).toBe(version(Number(content[0])));
    reads += 1;
  }
  await writing;
  expect(reads).toBeGreaterThan(5);
  expect(await at.files()).toHaveLength(1);
});

test("writes at once to one name and to many leave one object a name, right counts, and no other file", async () => {
  await using at = await testStore();
  const of = await at.bucket();
  await Promise.all(Array.from({ length: 40 }, (_, n) => at.put(of, n % 2 ? "same" : `key ${n}`, "x".repeat(n + 1))));
  const last = (await headObject(at.store, { ...of, key: "same" })).sizeBytes;
  const others = Array.from({ length: 20 }, (_, n) => n * 2 + 1).reduce((sum, size) => sum + size, 0);
  expect(await bucketNamed(at.store.db, { ...of, name: "photos" })).toMatchObject({
    objectCount: 21n,
    storedBytes: BigInt(others + last),
  });
  expect(await at.files()).toHaveLength(21);
});

test("a write's condition is judged together with the write: of ten that want to be first, one is", async () => {
  await using at = await testStore();
  const of = { ...(await at.bucket()), key: "a", ...plain };
  const first = { condition: { ifNoneMatch: "*" as const } };
  const outcomes = await Promise.all(
    Array.from({ length: 10 }, (_, n) => reason(putObject(at.store, { ...of, ...first }, bytes(`${n}`)))),
  );
  expect(outcomes.filter((outcome) => outcome === undefined)).toHaveLength(1);
  expect(outcomes.filter((outcome) => outcome === "precondition_failed")).toHaveLength(9);
  const { etag } = await headObject(at.store, of);
  const only = (ifMatch: string) => reason(putObject(at.store, { ...of, condition: { ifMatch } }, bytes("new")));
  expect(await only("0".repeat(32))).toBe("precondition_failed");
  expect(await only(etag)).toBeUndefined();
  expect(await reason(putObject(at.store, { ...of, key: "b", condition: { ifMatch: etag } }, bytes("x")))).toBe(
    "no_such_key",
  );
  expect(await at.files()).toHaveLength(1);
});

test("a list is in the order of UTF-8 bytes, and paging by any size gives all of it, common prefixes once", async () => {
  await using at = await testStore();
  const of = await at.bucket();
  const keys = ["a", "b/1", "b/2", "b/2/x", "b0", "c//d", "c/", "ü/1", "\u{ffff}", "😀/1", "😀/2"];
  for (const key of keys) await at.put(of, key, key);
  const inOrder = keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  for (const max of [1, 2, 3, 1000]) {
    for (const [prefix, delimiter] of [
      ["", ""],
      ["", "/"],
      ["b", "/"],
      ["b/", "/"],
      ["c/", "/"],
      ["😀", ""],
      ["none", "/"],
    ] as const) {
      const seen: string[] = [];
      let after: string | null = "";
      while (after !== null) {
        const page = await listObjects(at.store, of, { prefix, delimiter, after, max });
        expect(page.objects.length + page.commonPrefixes.length).toBeLessThanOrEqual(max);
        seen.push(...page.objects.map(({ key }) => key), ...page.commonPrefixes);
        after = page.next;
      }
      const wanted = inOrder
        .filter((key) => key.startsWith(prefix))
        .map((key) => {
          const at = delimiter ? key.indexOf(delimiter, prefix.length) : -1;
          return at < 0 ? key : key.slice(0, at + 1);
        });
      expect(seen.toSorted()).toEqual([...new Set(wanted)].toSorted());
    }
  }
  const all = await listObjects(at.store, of, { prefix: "", delimiter: "", after: "", max: 1000 });
  expect(all.objects.map(({ key }) => key)).toEqual(inOrder);
});

test("a list of prefixes skips what lies below them: two queries for two folders of 3,000 objects", async () => {
  await using at = await testStore();
  const of = await at.bucket();
  const rows = ["x", "y"].flatMap((folder) =>
    Array.from({ length: 3_000 }, (_, n) => ({
      ...of,
      key: Buffer.from(`${folder}/${n}`),
      sizeBytes: 0n,
      etag: "",
      headers: {},
      userMetadata: {},
      uploadedAt: new Date(),
    })),
  );
  await at.database.db.storedObject.createMany({ data: rows });
  let queries = 0;
  const counted = new Proxy(at.database.db, {
    get(target, name) {
      if (name === "$queryRaw") queries += 1;
      const value: unknown = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  const page = await listObjects({ db: counted }, of, { prefix: "", delimiter: "/", after: "", max: 1000 });
  expect(page).toEqual({ objects: [], commonPrefixes: ["x/", "y/"], next: null });
  expect(queries).toBeLessThanOrEqual(3);
});

test("a copy has its own bytes: what happens to the source later doesn't touch it", async () => {
  await using at = await testStore();
  const of = await at.bucket();
  await putObject(
    at.store,
    { ...of, key: "a", headers: { contentType: "text/x" }, userMetadata: { n: "1" } },
    bytes("hello"),
  );
  const from = { ...of, key: "a" };
  const to = { ...of, key: "b" };
  await copyObject(at.store, { from, to, description: null, algorithm: null }, () => undefined);
  await copyObject(at.store, { from, to: from, description: plain, algorithm: null }, () => undefined);
  await deleteObjects(at.store, of, ["a"]);
  expect(await at.get(of, "b")).toBe("hello");
  expect(await headObject(at.store, to)).toMatchObject({
    headers: { contentType: "text/x" },
    userMetadata: { n: "1" },
  });
  expect(await at.files()).toHaveLength(1);
});

test("parts become one object without being copied, read across their borders, and go with it", async () => {
  await using at = await testStore();
  const of = { ...(await at.bucket()), key: "big", ...plain };
  const upload = await createUpload(at.store, { ...of, checksum: { algorithm: "CRC32", type: "FULL_OBJECT" } });
  const address = { ...of, ...upload };
  const contents = [Buffer.alloc(5 * MB, "a"), Buffer.alloc(5 * MB, "b"), Buffer.from("end")];
  const parts = [];
  for (const [at_, content] of contents.entries()) {
    const number = (at_ + 1) * 10;
    await putPart(at.store, { ...address, number }, bytes("replaced"));
    parts.push(await putPart(at.store, { ...address, number }, bytes(content)));
  }
  await putPart(at.store, { ...address, number: 99 }, bytes("unused"));
  const named = parts.map(({ number, etag }) => ({ number, etag, checksum: null }));
  const complete = (more: { parts?: typeof named; checksum?: string } = {}) =>
    completeUpload(at.store, { ...address, parts: named, checksum: null, ...more });
  expect(await reason(complete({ parts: named.toReversed() }))).toBe("invalid_part_order");
  expect(await reason(complete({ parts: [...named, { number: 100, etag: "", checksum: null }] }))).toBe("invalid_part");
  expect(await reason(complete({ parts: [] }))).toBe("invalid_part");
  expect(await reason(complete({ checksum: "AAAAAA==" }))).toBe("wrong_checksum");
  expect(await reason(headObject(at.store, of))).toBe("no_such_key");
  const whole = Buffer.concat(contents);
  const crc = runningChecksum("CRC32");
  crc.update(whole);
  const facts = await complete();
  const md5s = contents.map((content) => createHash("md5").update(content).digest());
  expect(facts).toMatchObject({
    etag: `${createHash("md5").update(Buffer.concat(md5s)).digest("hex")}-3`,
    sizeBytes: whole.length,
    checksum: { algorithm: "CRC32", type: "FULL_OBJECT", value: crc.digest().toString("base64") },
  });
  expect(await complete()).toMatchObject({ etag: facts.etag });
  expect(await at.files()).toHaveLength(3);
  for (const [start, end] of [
    [0, 0],
    [5 * MB - 1, 5 * MB],
    [5 * MB, 10 * MB + 2],
    [10 * MB, 10 * MB + 2],
  ] as const) {
    const { content } = await openObject(at.store, of, () => ({ start, end }));
    expect(await text(content)).toBe(whole.subarray(start, end + 1).toString());
  }
  await deleteObjects(at.store, of, ["big"]);
  expect(await at.files()).toEqual([]);
  expect(await at.database.db.multipartUpload.count()).toBe(0);
});

test("a part that comes once its upload is ended or of another's upload is refused; small parts make no object", async () => {
  await using at = await testStore();
  const of = { ...(await at.bucket()), key: "a", ...plain };
  const { uploadId } = await createUpload(at.store, { ...of, checksum: null });
  const one = await putPart(at.store, { ...of, uploadId, number: 1 }, bytes("x"));
  const two = await putPart(at.store, { ...of, uploadId, number: 2 }, bytes("y"));
  const parts = [one, two].map(({ number, etag }) => ({ number, etag, checksum: null }));
  expect(await reason(completeUpload(at.store, { ...of, uploadId, parts, checksum: null }))).toBe("part_too_small");
  const stranger = { ...of, organizationId: newId("organization") };
  expect(await reason(putPart(at.store, { ...stranger, uploadId, number: 3 }, bytes("z")))).toBe("no_such_upload");
  expect(await reason(abortUpload(at.store, { ...stranger, uploadId }))).toBe("no_such_upload");
  await abortUpload(at.store, { ...of, uploadId });
  expect(await reason(putPart(at.store, { ...of, uploadId, number: 3 }, bytes("z")))).toBe("no_such_upload");
  expect(await at.files()).toEqual([]);
});

test.each<CrcName>(["CRC32", "CRC32C", "CRC64NVME"])(
  "%s has its published check value, and two of them combine as if read on",
  (name) => {
    const published = { CRC32: "cbf43926", CRC32C: "e3069283", CRC64NVME: "ae8b14860a799888" };
    const of = (content: Uint8Array) => {
      const crc = runningChecksum(name);
      for (let at = 0; at < content.length; at += 1000) crc.update(content.subarray(at, at + 1000));
      return crc.digest();
    };
    expect(of(Buffer.from("123456789")).toString("hex")).toBe(published[name]);
    const content = Buffer.from(Array.from({ length: 12_345 }, (_, n) => (n * n) % 251));
    for (const at of [0, 1, 5_000, 12_345]) {
      const [a, b] = [content.subarray(0, at), content.subarray(at)];
      expect(combineCrcs(name, [of(a), of(b)], b.length)).toEqual(of(content));
    }
  },
);

test("a composite checksum is the checksum of the parts' checksums, with their number", () => {
  for (const algorithm of ["SHA1", "SHA256"] satisfies ChecksumAlgorithm[]) {
    const hash = (content: Uint8Array | string) => createHash(algorithm.toLowerCase()).update(content).digest();
    const parts = ["a", "b"].map((content) => ({ value: hash(content).toString("base64"), sizeBytes: 1 }));
    const value = `${hash(Buffer.concat([hash("a"), hash("b")])).toString("base64")}-2`;
    expect(checksumOfParts({ algorithm, type: "COMPOSITE" }, parts)).toEqual({ algorithm, type: "COMPOSITE", value });
  }
});

test("buckets of two organizations with one name are two, and neither reaches the other's", async () => {
  await using at = await testStore();
  const mine = await at.bucket("shared");
  const theirs = await at.bucket("shared");
  await at.put(mine, "a", "mine");
  const across = { organizationId: theirs.organizationId, bucketId: mine.bucketId };
  expect(await reason(headObject(at.store, { ...across, key: "a" }))).toBe("no_such_key");
  expect(await reason(putObject(at.store, { ...across, key: "a", ...plain }, bytes("x")))).toBe("no_such_bucket");
  expect(await reason(deleteObjects(at.store, across, ["a"]))).toBe("no_such_bucket");
  expect(await reason(createUpload(at.store, { ...across, key: "a", ...plain, checksum: null }))).toBe(
    "no_such_bucket",
  );
  expect(await listObjects(at.store, across, { prefix: "", delimiter: "", after: "", max: 10 })).toMatchObject({
    objects: [],
  });
  expect(await reason(deleteBucket(at.store, { ...across, by: { accessKeyId: "t" } }))).toBe("no_such_bucket");
  expect(await at.get(mine, "a")).toBe("mine");
  expect(await at.files()).toHaveLength(1);
});

test("a bucket's name is taken once, and it goes when it is empty, with what was uploaded half", async () => {
  await using at = await testStore();
  const of = await at.bucket("photos");
  const by = { accessKeyId: "t" };
  expect(await reason(createBucket(at.store.db, { ...of, name: "photos", by }))).toBe("bucket_exists");
  await at.put(of, "a", "x");
  const { uploadId } = await createUpload(at.store, { ...of, key: "b", ...plain, checksum: null });
  await putPart(at.store, { ...of, key: "b", uploadId, number: 1 }, bytes("x"));
  expect(await reason(deleteBucket(at.store, { ...of, by }))).toBe("bucket_not_empty");
  await deleteObjects(at.store, of, ["a"]);
  await deleteBucket(at.store, { ...of, by });
  expect(await listBuckets(at.store.db, of.organizationId)).toEqual([]);
  expect(await at.files()).toEqual([]);
  const audit = await at.database.db.auditEntry.findMany({ orderBy: { at: "asc" }, select: { action: true } });
  expect(audit.map(({ action }) => action)).toEqual(["bucket.created", "bucket.deleted"]);
});

test("a body of 300 MB goes in and out without ever being in memory", async () => {
  await using at = await testStore();
  const of = { ...(await at.bucket()), key: "a", ...plain };
  const chunk = Buffer.alloc(MB, "x");
  async function* body() {
    for (let n = 0; n < 300; n += 1) yield chunk;
  }
  const before = process.memoryUsage.rss();
  let most = 0;
  const watch = setInterval(() => (most = Math.max(most, process.memoryUsage.rss())), 10);
  await putObject(at.store, of, bytes(body()));
  const { content } = await openObject(at.store, of);
  let read = 0;
  for await (const part of content) {
    read += Buffer.byteLength(part);
    if (read % (50 * MB) === 0) await wait(1);
  }
  clearInterval(watch);
  expect(read).toBe(300 * MB);
  expect(most - before).toBeLessThan(150 * MB);
});

test("on a full disk a write is refused in words, nothing of it is seen, and what is there can be read and deleted", async () => {
  await using at = await testStore();
  const of = await at.bucket();
  const disk = join(at.dataDir, "disk");
  await mkdir(disk);
  const walls = `--bind / / --dev-bind /dev /dev --proc /proc --size ${6 * MB} --tmpfs ${disk} --`.split(" ");
  const script = join(import.meta.dirname, "test-full-disk.ts");
  const child = [process.execPath, script, disk, at.database.url, of.organizationId, of.bucketId];
  const { stdout } = await promisify(execFile)("bwrap", [...walls, ...child]);
  const told = z.object({
    reason: z.string(),
    seen: z.array(z.string()),
    content: z.string(),
    files: z.number(),
    after: z.string(),
  });
  expect(told.parse(JSON.parse(stdout))).toEqual({
    reason: "disk_full",
    seen: ["small"],
    content: "small",
    files: 1,
    after: "stored",
  });
});

test("a write is refused before the disk is so full that the database would stop", async () => {
  await using at = await testStore({ reserveBytes: Number.MAX_SAFE_INTEGER });
  const of = { ...(await at.bucket()), key: "a", ...plain };
  expect(await reason(putObject(at.store, of, bytes("x")))).toBe("disk_full");
});
