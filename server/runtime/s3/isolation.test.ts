import {
  AbortMultipartUploadCommand,
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
  PutObjectCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { afterAll, beforeAll, expect, test } from "vitest";
import { newId } from "#server/std/id.ts";
import { revokeAccessKey } from "#server/storage/objects/access-keys.ts";
import { bucketNamed } from "#server/storage/objects/buckets.ts";
import { operations, type OperationName } from "./operations.ts";
import { testDoor, type TestDoor, type TestOrganization } from "./test-door.ts";
import { sendRaw } from "./test-signer.ts";

let door: TestDoor;
let acme: TestOrganization;
let evil: TestOrganization;
let uploadId = "";
let etag = "";
const Bucket = "secret";
const Key = "plan";

beforeAll(async () => {
  door = await testDoor();
  acme = await door.organization();
  evil = await door.organization();
  const client = door.client(acme.key);
  await client.send(new CreateBucketCommand({ Bucket }));
  await client.send(new CreateBucketCommand({ Bucket: "other" }));
  await client.send(new PutObjectCommand({ Bucket, Key, Body: "ours" }));
  await client.send(new PutObjectCommand({ Bucket: "other", Key, Body: "other" }));
  uploadId = (await client.send(new CreateMultipartUploadCommand({ Bucket, Key: "parts" }))).UploadId ?? "";
  etag =
    (await client.send(new UploadPartCommand({ Bucket, Key: "parts", UploadId: uploadId, PartNumber: 1, Body: "x" })))
      .ETag ?? "";
  await door.client(evil.key).send(new CreateBucketCommand({ Bucket: "evils" }));
});
afterAll(() => door[Symbol.asyncDispose]());

type To = { Bucket: string; from: string };

/** Every operation of the door, each towards a bucket; `satisfies` refuses to compile when one is missing. */
const attempts = {
  ListBuckets: (client: S3Client) => client.send(new ListBucketsCommand({})),
  CreateBucket: (client: S3Client, { Bucket }: To) => client.send(new CreateBucketCommand({ Bucket })),
  HeadBucket: (client: S3Client, { Bucket }: To) => client.send(new HeadBucketCommand({ Bucket })),
  DeleteBucket: (client: S3Client, { Bucket }: To) => client.send(new DeleteBucketCommand({ Bucket })),
  GetBucketLocation: (client: S3Client, { Bucket }: To) => client.send(new GetBucketLocationCommand({ Bucket })),
  GetBucketVersioning: (client: S3Client, { Bucket }: To) => client.send(new GetBucketVersioningCommand({ Bucket })),
  ListObjects: (client: S3Client, { Bucket }: To) => client.send(new ListObjectsCommand({ Bucket })),
  ListObjectsV2: (client: S3Client, { Bucket }: To) => client.send(new ListObjectsV2Command({ Bucket })),
  ListMultipartUploads: (client: S3Client, { Bucket }: To) => client.send(new ListMultipartUploadsCommand({ Bucket })),
  DeleteObjects: (client: S3Client, { Bucket }: To) =>
    client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key }] } })),
  GetObject: (client: S3Client, { Bucket }: To) => client.send(new GetObjectCommand({ Bucket, Key })),
  HeadObject: (client: S3Client, { Bucket }: To) => client.send(new HeadObjectCommand({ Bucket, Key })),
  PutObject: (client: S3Client, { Bucket }: To) => client.send(new PutObjectCommand({ Bucket, Key, Body: "theirs" })),
  CopyObject: (client: S3Client, { Bucket, from }: To) =>
    client.send(new CopyObjectCommand({ Bucket, Key: "copy", CopySource: `${from}/${Key}` })),
  DeleteObject: (client: S3Client, { Bucket }: To) => client.send(new DeleteObjectCommand({ Bucket, Key })),
  CreateMultipartUpload: (client: S3Client, { Bucket }: To) =>
    client.send(new CreateMultipartUploadCommand({ Bucket, Key })),
  UploadPart: (client: S3Client, { Bucket }: To) =>
    client.send(new UploadPartCommand({ Bucket, Key: "parts", UploadId: uploadId, PartNumber: 1, Body: "theirs" })),
  UploadPartCopy: (client: S3Client, { Bucket, from }: To) =>
    client.send(
      new UploadPartCopyCommand({
        Bucket,
        Key: "parts",
        UploadId: uploadId,
        PartNumber: 1,
        CopySource: `${from}/${Key}`,
      }),
    ),
  ListParts: (client: S3Client, { Bucket }: To) =>
    client.send(new ListPartsCommand({ Bucket, Key: "parts", UploadId: uploadId })),
  CompleteMultipartUpload: (client: S3Client, { Bucket }: To) =>
    client.send(
      new CompleteMultipartUploadCommand({
        Bucket,
        Key: "parts",
        UploadId: uploadId,
        MultipartUpload: { Parts: [{ PartNumber: 1, ETag: etag }] },
      }),
    ),
  AbortMultipartUpload: (client: S3Client, { Bucket }: To) =>
    client.send(new AbortMultipartUploadCommand({ Bucket, Key: "parts", UploadId: uploadId })),
} satisfies Record<OperationName, (client: S3Client, to: To) => Promise<unknown>>;

const names = Object.keys(operations).filter((name): name is OperationName => name in attempts);

async function outcome(promise: Promise<{ $metadata: { httpStatusCode?: number | undefined } }>): Promise<string> {
  return promise.then(
    ({ $metadata }) => String($metadata.httpStatusCode),
    (error: Error & { Code?: string; $metadata?: { httpStatusCode?: number } }) =>
      error.Code ?? `${error.name} ${error.$metadata?.httpStatusCode}`,
  );
}

/** All that acme has, as it has to be after every attempt. */
async function standing() {
  const { db } = door.at.database;
  const { organizationId } = acme;
  const where = { organizationId };
  return {
    buckets: await db.bucket.findMany({ where, orderBy: { name: "asc" } }),
    objects: await db.storedObject.findMany({ where, orderBy: { etag: "asc" } }),
    uploads: await db.multipartUpload.findMany({ where, include: { parts: true } }),
  };
}

test.each(names)("%s: another organization's key finds nothing, and changes nothing", async (name) => {
  const before = await standing();
  const client = door.client(evil.key);
  const answer = await outcome(attempts[name](client, { Bucket, from: "evils" }));
  if (name === "ListBuckets") {
    const { Buckets } = await client.send(new ListBucketsCommand({}));
    expect(Buckets?.map((bucket) => bucket.Name)).toEqual(["evils"]);
  } else if (name === "CreateBucket") {
    // A bucket of the same name, and of its own.
    expect(answer).toBe("200");
    await client.send(new DeleteBucketCommand({ Bucket }));
  } else expect(answer).toMatch(/^(NoSuchBucket|(NotFound|NoSuchBucket|Unknown\w*) 404)$/);
  expect(await standing()).toEqual(before);
});

test.each(["CopyObject", "UploadPartCopy"] as const)(
  "%s: nothing can be copied out of another organization's bucket",
  async (name) => {
    const answer = await outcome(attempts[name](door.client(evil.key), { Bucket: "evils", from: Bucket }));
    expect(answer).toBe("NoSuchBucket");
  },
);

test.each(["UploadPart", "ListParts", "CompleteMultipartUpload", "AbortMultipartUpload"] as const)(
  "%s: another organization's upload can't be reached through one's own bucket",
  async (name) => {
    const before = await standing();
    expect(await outcome(attempts[name](door.client(evil.key), { Bucket: "evils", from: "evils" }))).toBe(
      "NoSuchUpload",
    );
    expect(await standing()).toEqual(before);
  },
);

test.each(names)("%s: a key for one bucket reaches no other, and learns of none", async (name) => {
  const { id: bucketId } = await bucketNamed(door.at.store.db, { ...acme, name: "other" });
  const client = door.client(await door.makeKey(acme.organizationId, { bucketId }));
  const before = await standing();
  for (const target of [Bucket, "not-there"]) {
    const answer = await outcome(attempts[name](client, { Bucket: target, from: "other" }));
    if (name === "ListBuckets") {
      const { Buckets } = await client.send(new ListBucketsCommand({}));
      expect(Buckets?.map((bucket) => bucket.Name)).toEqual(["other"]);
    } else expect(answer).toMatch(/^(AccessDenied|(403|Unknown\w*|Forbidden|AccessDenied) 403)$/);
  }
  expect(await outcome(attempts.CopyObject(client, { Bucket: "other", from: Bucket }))).toBe("AccessDenied");
  expect(await standing()).toEqual(before);
});

test.each(names)("%s: a key for reading reads, and writes nothing", async (name) => {
  const client = door.client(await door.makeKey(acme.organizationId, { access: "read" }));
  const before = await standing();
  const answer = await outcome(attempts[name](client, { Bucket, from: "other" }));
  expect(answer).toBe(operations[name].needs === "read" ? "200" : "AccessDenied");
  expect(await standing()).toEqual(before);
});

test("without a signature nothing is answered, whatever is asked", async () => {
  for (const method of ["GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS", "PATCH"])
    for (const path of ["/", `/${Bucket}`, `/${Bucket}/${Key}`, `/${Bucket}?uploads`, "/none", "/healthz"]) {
      const { status } = await sendRaw(door, { method, path }, { host: `127.0.0.1:${door.port}` });
      expect([method, path, status]).toEqual([method, path, 403]);
    }
});

test("a revoked key is unknown from the next request on, and a bucket's keys go with it", async () => {
  const key = await door.makeKey(acme.organizationId);
  const client = door.client(key);
  expect(await outcome(client.send(new ListBucketsCommand({})))).toBe("200");
  await revokeAccessKey(door.at.store.db, { ...acme, userId: newId("user"), id: key.id });
  expect(await outcome(client.send(new ListBucketsCommand({})))).toBe("InvalidAccessKeyId");
  const owner = door.client(acme.key);
  await owner.send(new CreateBucketCommand({ Bucket: "short-lived" }));
  const { id: bucketId } = await bucketNamed(door.at.store.db, { ...acme, name: "short-lived" });
  const scoped = door.client(await door.makeKey(acme.organizationId, { bucketId }));
  expect(await outcome(scoped.send(new ListBucketsCommand({})))).toBe("200");
  await owner.send(new DeleteBucketCommand({ Bucket: "short-lived" }));
  expect(await outcome(scoped.send(new ListBucketsCommand({})))).toBe("InvalidAccessKeyId");
});

test("a secret is in no row as it is, and another organization can't revoke a key", async () => {
  const { db } = door.at.store;
  const key = await door.makeKey(acme.organizationId);
  const rows = JSON.stringify(await db.s3AccessKey.findMany()) + JSON.stringify(await db.auditEntry.findMany());
  expect(rows).toContain(key.accessKeyId);
  expect(rows).not.toContain(key.secretAccessKey);
  await expect(revokeAccessKey(db, { ...evil, userId: newId("user"), id: key.id })).rejects.toThrow("no such key");
});
