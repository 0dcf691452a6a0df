import { createHash, randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import {
  AbortMultipartUploadCommand,
  ChecksumAlgorithm,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketLocationCommand,
  GetBucketVersioningCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListMultipartUploadsCommand,
  ListObjectsCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  paginateListObjectsV2,
  PutBucketVersioningCommand,
  PutObjectCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
  type ListObjectsCommandOutput,
  type S3Client,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { afterAll, beforeAll, expect, test } from "vitest";
import { testDoor, type TestDoor, type TestOrganization } from "./test-door.ts";

let door: TestDoor;
let acme: TestOrganization;
let client: S3Client;
const Bucket = "photos";
const MB = 1024 * 1024;

beforeAll(async () => {
  door = await testDoor();
  acme = await door.organization();
  client = door.client(acme.key);
  await client.send(new CreateBucketCommand({ Bucket }));
});
afterAll(() => door[Symbol.asyncDispose]());

const put = (Key: string, Body: string | Uint8Array = Key) => client.send(new PutObjectCommand({ Bucket, Key, Body }));
const textOf = async (Key: string, more: { Range?: string } = {}) =>
  (await client.send(new GetObjectCommand({ Bucket, Key, ...more }))).Body?.transformToString();
const nameOf = (promise: Promise<unknown>) =>
  promise.then(
    () => "ok",
    (error: Error & { Code?: string; $metadata?: { httpStatusCode?: number } }) =>
      error.$metadata?.httpStatusCode === 304 ? "NotModified" : (error.Code ?? error.name),
  );

test("the SDK makes, finds, lists and deletes buckets, and is told that versioning is off", async () => {
  await client.send(
    new CreateBucketCommand({
      Bucket: "second.bucket",
      CreateBucketConfiguration: { LocationConstraint: "eu-west-1" },
    }),
  );
  expect((await client.send(new ListBucketsCommand({}))).Buckets?.map(({ Name }) => Name)).toEqual([
    Bucket,
    "second.bucket",
  ]);
  await client.send(new HeadBucketCommand({ Bucket: "second.bucket" }));
  expect((await client.send(new GetBucketLocationCommand({ Bucket }))).LocationConstraint ?? "").toBe("");
  expect((await client.send(new GetBucketVersioningCommand({ Bucket }))).Status).toBeUndefined();
  expect(await nameOf(client.send(new CreateBucketCommand({ Bucket })))).toBe("BucketAlreadyOwnedByYou");
  expect(await nameOf(client.send(new CreateBucketCommand({ Bucket: "Not_A_Name" })))).toBe("InvalidBucketName");
  await client.send(new DeleteBucketCommand({ Bucket: "second.bucket" }));
  expect(await nameOf(client.send(new HeadBucketCommand({ Bucket: "second.bucket" })))).toBe("NotFound");
  await put("in the way");
  expect(await nameOf(client.send(new DeleteBucketCommand({ Bucket })))).toBe("BucketNotEmpty");
});

test("an object comes back as it was put: bytes, headers, metadata, checksum, ranges and conditions", async () => {
  const Key = "a folder/ü 😀 +&=?#%2F/../end";
  const LastModifiedMin = Date.now() - 2_000;
  const stored = await client.send(
    new PutObjectCommand({
      Bucket,
      Key,
      Body: "hello world",
      ContentType: "text/plain; charset=utf-8",
      CacheControl: "max-age=60",
      ContentDisposition: 'attachment; filename="x"',
      ContentLanguage: "en",
      Metadata: { color: "blue", "two-words": "a b" },
    }),
  );
  const got = await client.send(new GetObjectCommand({ Bucket, Key, ChecksumMode: "ENABLED" }));
  expect(await got.Body?.transformToString()).toBe("hello world");
  expect(got).toMatchObject({
    ETag: `"${createHash("md5").update("hello world").digest("hex")}"`,
    ContentLength: 11,
    ContentType: "text/plain; charset=utf-8",
    CacheControl: "max-age=60",
    ContentDisposition: 'attachment; filename="x"',
    ContentLanguage: "en",
    Metadata: { color: "blue", "two-words": "a b" },
    ChecksumCRC32: stored.ChecksumCRC32,
  });
  expect(stored.ChecksumCRC32).toBe("DUoRhQ==");
  expect(got.LastModified?.getTime()).toBeGreaterThan(LastModifiedMin);
  expect(await client.send(new HeadObjectCommand({ Bucket, Key }))).toMatchObject({
    ContentLength: 11,
    ETag: got.ETag,
  });
  expect(await textOf(Key, { Range: "bytes=0-4" })).toBe("hello");
  expect(await textOf(Key, { Range: "bytes=6-" })).toBe("world");
  expect(await textOf(Key, { Range: "bytes=-3" })).toBe("rld");
  expect(await textOf(Key, { Range: "bytes=6-999" })).toBe("world");
  expect(await nameOf(textOf(Key, { Range: "bytes=11-" }))).toBe("InvalidRange");
  const having = (more: object) => nameOf(client.send(new GetObjectCommand({ Bucket, Key, ...more })));
  expect(await having({ IfMatch: got.ETag })).toBe("ok");
  expect(await having({ IfMatch: '"other"' })).toBe("PreconditionFailed");
  expect(await having({ IfNoneMatch: '"other"' })).toBe("ok");
  expect(await having({ IfNoneMatch: got.ETag })).toBe("NotModified");
  expect(await having({ IfModifiedSince: new Date(Date.now() + 60_000) })).toBe("NotModified");
  expect(await having({ IfUnmodifiedSince: new Date(0) })).toBe("PreconditionFailed");
  const only = (more: object) => nameOf(client.send(new PutObjectCommand({ Bucket, Key, Body: "x", ...more })));
  expect(await only({ IfNoneMatch: "*" })).toBe("PreconditionFailed");
  expect(await only({ IfMatch: got.ETag })).toBe("ok");
  await client.send(new DeleteObjectCommand({ Bucket, Key }));
  await client.send(new DeleteObjectCommand({ Bucket, Key }));
  expect(await nameOf(textOf(Key))).toBe("NoSuchKey");
});

test.each(Object.values(ChecksumAlgorithm).filter((name) => /^(CRC|SHA1|SHA256$)/.test(name)))(
  "the SDK's %s is checked, kept and given back, for a text and for a stream with a trailer",
  async (algorithm) => {
    for (const [Key, Body] of [
      [`text ${algorithm}`, "123456789"],
      [`stream ${algorithm}`, Readable.from([Buffer.from("1234"), Buffer.from("56789")])],
    ] as const) {
      const more = typeof Body === "string" ? {} : { ContentLength: 9 };
      await client.send(new PutObjectCommand({ Bucket, Key, Body, ChecksumAlgorithm: algorithm, ...more }));
      const got = await client.send(new GetObjectCommand({ Bucket, Key, ChecksumMode: "ENABLED" }));
      expect(got[`Checksum${algorithm}` as keyof typeof got]).toBeTruthy();
      expect(await got.Body?.transformToString()).toBe("123456789");
    }
  },
);

test(
  "2,500 objects are listed in order and by pages, by version 1 and 2 alike, with prefixes and a delimiter",
  { timeout: 120_000 },
  async () => {
    const keys = Array.from({ length: 2_500 }, (_, n) => `list/${String(n).padStart(4, "0")}`);
    for (let at = 0; at < keys.length; at += 50) await Promise.all(keys.slice(at, at + 50).map((key) => put(key, "-")));
    const seen: string[] = [];
    let pages = 0;
    for await (const page of paginateListObjectsV2({ client }, { Bucket, Prefix: "list/" })) {
      seen.push(...(page.Contents ?? []).map(({ Key }) => Key ?? ""));
      pages += 1;
    }
    expect(seen).toEqual(keys);
    expect(pages).toBe(3);
    const marked: string[] = [];
    for (let Marker = ""; ;) {
      const page: ListObjectsCommandOutput = await client.send(
        new ListObjectsCommand({ Bucket, Prefix: "list/", MaxKeys: 999, Marker }),
      );
      marked.push(...(page.Contents ?? []).map(({ Key }) => Key ?? ""));
      if (page.NextMarker === undefined) break;
      Marker = page.NextMarker;
    }
    expect(marked).toEqual(keys);
    const folders = await client.send(new ListObjectsV2Command({ Bucket, Delimiter: "/", Prefix: "list" }));
    expect(folders).toMatchObject({ CommonPrefixes: [{ Prefix: "list/" }], KeyCount: 1, IsTruncated: false });
    const after = await client.send(new ListObjectsV2Command({ Bucket, StartAfter: "list/2497", Prefix: "list/" }));
    expect(after.Contents?.map(({ Key }) => Key)).toEqual(["list/2498", "list/2499"]);
    const none = await client.send(new ListObjectsV2Command({ Bucket, MaxKeys: 0 }));
    expect(none).toMatchObject({ KeyCount: 0, IsTruncated: false });
    for (let at = 0; at < keys.length; at += 1_000) {
      const Objects = keys.slice(at, at + 1_000).map((Key) => ({ Key }));
      const { Deleted, Errors } = await client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
      expect(Deleted).toHaveLength(Objects.length);
      expect(Errors ?? []).toEqual([]);
    }
    expect((await client.send(new ListObjectsV2Command({ Bucket, Prefix: "list/" }))).KeyCount).toBe(0);
  },
);

test("names that XML can't hold are listed when the client asks for encoded ones", async () => {
  const Key = "odd/\u0001 &<>\"'\r\n+%";
  await put(Key, "x");
  const listed = await client.send(new ListObjectsV2Command({ Bucket, Prefix: "odd/", EncodingType: "url" }));
  expect(listed.Contents?.map((each) => decodeURIComponent(each.Key ?? ""))).toEqual([Key]);
  await client.send(new DeleteObjectCommand({ Bucket, Key }));
});

test("a copy keeps what the source had, or has what the request says; conditions on the source count", async () => {
  await client.send(
    new PutObjectCommand({ Bucket, Key: "src ü", Body: "source", Metadata: { n: "1" }, ContentType: "text/x" }),
  );
  const CopySource = encodeURIComponent(`${Bucket}/src ü`);
  const copied = await client.send(new CopyObjectCommand({ Bucket, Key: "copy", CopySource }));
  expect(copied.CopyObjectResult?.ETag).toBe(`"${createHash("md5").update("source").digest("hex")}"`);
  expect(await client.send(new HeadObjectCommand({ Bucket, Key: "copy" }))).toMatchObject({
    Metadata: { n: "1" },
    ContentType: "text/x",
  });
  await client.send(
    new CopyObjectCommand({ Bucket, Key: "src ü", CopySource, MetadataDirective: "REPLACE", Metadata: { n: "2" } }),
  );
  expect((await client.send(new HeadObjectCommand({ Bucket, Key: "src ü" }))).Metadata).toEqual({ n: "2" });
  const copy = (more: object) =>
    nameOf(client.send(new CopyObjectCommand({ Bucket, Key: "copy", CopySource, ...more })));
  expect(await copy({ CopySourceIfMatch: '"other"' })).toBe("PreconditionFailed");
  expect(await copy({ CopySource: `${Bucket}/none` })).toBe("NoSuchKey");
  expect(await copy({ CopySource: "none/none" })).toBe("NoSuchBucket");
  expect(await copy({ Key: "src ü" })).toBe("InvalidRequest");
  expect(await textOf("copy")).toBe("source");
});

test.each([undefined, "CRC64NVME", "SHA256"] as const)(
  "lib-storage uploads 20 MB in parts (checksum: %s), and all of it, a part and a range come back",
  { timeout: 120_000 },
  async (ChecksumAlgorithm) => {
    const Body = randomBytes(20 * MB);
    const Key = `big ${ChecksumAlgorithm}`;
    const params = {
      Bucket,
      Key,
      Body: Readable.from(pieces(Body)),
      ...(ChecksumAlgorithm ? { ChecksumAlgorithm } : {}),
    };
    const done = await new Upload({ client, params, partSize: 6 * MB }).done();
    expect(done.ETag).toMatch(/^"[0-9a-f]{32}-4"$/);
    const got = await client.send(new GetObjectCommand({ Bucket, Key, ChecksumMode: "ENABLED" }));
    expect(Buffer.from((await got.Body?.transformToByteArray()) ?? []).equals(Body)).toBe(true);
    const part = await client.send(new GetObjectCommand({ Bucket, Key, PartNumber: 2 }));
    expect(part).toMatchObject({ PartsCount: 4, ContentLength: 6 * MB });
    expect(Buffer.from((await part.Body?.transformToByteArray()) ?? []).equals(Body.subarray(6 * MB, 12 * MB))).toBe(
      true,
    );
    const range = await client.send(new GetObjectCommand({ Bucket, Key, Range: `bytes=${6 * MB - 2}-${6 * MB + 1}` }));
    expect(
      Buffer.from((await range.Body?.transformToByteArray()) ?? []).equals(Body.subarray(6 * MB - 2, 6 * MB + 2)),
    ).toBe(true);
    await client.send(new DeleteObjectCommand({ Bucket, Key }));
  },
);

function* pieces(body: Buffer) {
  for (let at = 0; at < body.length; at += 100_000) yield body.subarray(at, at + 100_000);
}

test("an upload in parts by hand: listed while it is open, parts copied from ranges, wrong parts refused, ended", async () => {
  const Key = "parts/by hand";
  await put("whole", Buffer.alloc(6 * MB, "w"));
  const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key }));
  const copied = await client.send(
    new UploadPartCopyCommand({
      Bucket,
      Key,
      UploadId,
      PartNumber: 1,
      CopySource: `${Bucket}/whole`,
      CopySourceRange: `bytes=0-${5 * MB - 1}`,
    }),
  );
  const last = await client.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: 2, Body: "end" }));
  const open = await client.send(new ListMultipartUploadsCommand({ Bucket, Prefix: "parts/" }));
  expect(open.Uploads).toMatchObject([{ Key, UploadId }]);
  const listed = await client.send(new ListPartsCommand({ Bucket, Key, UploadId, MaxParts: 1 }));
  expect(listed).toMatchObject({
    IsTruncated: true,
    NextPartNumberMarker: "1",
    Parts: [{ PartNumber: 1, Size: 5 * MB }],
  });
  const complete = (Parts: { PartNumber: number; ETag: string | undefined }[]) =>
    nameOf(client.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } })));
  const parts = [
    { PartNumber: 1, ETag: copied.CopyPartResult?.ETag },
    { PartNumber: 2, ETag: last.ETag },
  ];
  expect(await complete(parts.toReversed())).toBe("InvalidPartOrder");
  expect(await complete([...parts, { PartNumber: 3, ETag: '"none"' }])).toBe("InvalidPart");
  expect(await nameOf(textOf(Key))).toBe("NoSuchKey");
  expect(await complete(parts)).toBe("ok");
  expect(await complete(parts)).toBe("ok");
  expect((await textOf(Key, { Range: `bytes=${5 * MB - 1}-` })) ?? "").toBe("wend");
  const second = await client.send(new CreateMultipartUploadCommand({ Bucket, Key }));
  await client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId: second.UploadId }));
  expect(
    await nameOf(
      client.send(new UploadPartCommand({ Bucket, Key, UploadId: second.UploadId, PartNumber: 1, Body: "x" })),
    ),
  ).toBe("NoSuchUpload");
  expect((await client.send(new ListMultipartUploadsCommand({ Bucket }))).Uploads ?? []).toEqual([]);
});

test("presigned addresses work with plain fetch, for putting and for getting, until they expire", async () => {
  const Key = "presigned/ü 1";
  const putUrl = await getSignedUrl(client, new PutObjectCommand({ Bucket, Key }), { expiresIn: 60 });
  const stored = await fetch(putUrl, { method: "PUT", body: "by fetch" });
  expect([stored.status, await stored.text()]).toEqual([200, ""]);
  const command = new GetObjectCommand({ Bucket, Key, ResponseContentDisposition: 'attachment; filename="a.txt"' });
  const url = await getSignedUrl(client, command, { expiresIn: 60 });
  const got = await fetch(url);
  expect(await got.text()).toBe("by fetch");
  expect(got.headers.get("content-disposition")).toBe('attachment; filename="a.txt"');
  expect(got.headers.get("content-security-policy")).toMatch(/^sandbox/);
  expect(got.headers.get("x-content-type-options")).toBe("nosniff");
  expect((await fetch(url.replace("ü", "u").replace("%C3%BC", "u"))).status).toBe(403);
  expect((await fetch(url, { method: "PUT", body: "x" })).status).toBe(403);
  door.at.advance(61_000);
  const late = await fetch(url);
  expect(late.status).toBe(403);
  expect(await late.text()).toContain("Request has expired");
  door.at.advance(-61_000);
});

test("virtual-host style reaches the same objects", async () => {
  await put("by host");
  const virtual = door.client(acme.key, { endpoint: `http://localhost:${door.port}`, forcePathStyle: false });
  virtual.middlewareStack.add(
    (next) => (args) => {
      // The client's machine may not resolve names below localhost.
      const request = args.request;
      if (typeof request === "object" && request !== null && "hostname" in request) {
        expect(request.hostname).toBe(`${Bucket}.localhost`);
        request.hostname = "127.0.0.1";
      }
      return next(args);
    },
    { step: "finalizeRequest", priority: "low", name: "reach" },
  );
  const got = await virtual.send(new GetObjectCommand({ Bucket, Key: "by host" }));
  expect(await got.Body?.transformToString()).toBe("by host");
});

test("what isn't there says so as S3 does, and nothing that was asked for is silently left out", async () => {
  const enable = new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: "Enabled" } });
  expect(await nameOf(client.send(enable))).toBe("NotImplemented");
  const having = (more: object) => nameOf(client.send(new PutObjectCommand({ Bucket, Key: "x", Body: "x", ...more })));
  expect(await having({ ServerSideEncryption: "AES256" })).toBe("NotImplemented");
  expect(await having({ ACL: "public-read" })).toBe("NotImplemented");
  expect(await having({ Tagging: "a=b" })).toBe("NotImplemented");
  expect(await having({ StorageClass: "GLACIER" })).toBe("NotImplemented");
  expect(await having({ Metadata: { long: "x".repeat(2_048) } })).toBe("MetadataTooLarge");
  expect(await nameOf(textOf("x"))).toBe("NoSuchKey");
});
