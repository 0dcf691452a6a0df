import {
  CreateBucketCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { expect, test } from "vitest";
import { eventually, testRuntime, type TestRuntime } from "#server/runtime/test-runtime.ts";
import { freePort } from "#server/std/free-port.ts";
import { newId } from "#server/std/id.ts";
import { Seal } from "#server/std/seal.ts";
import { makeAccessKey } from "#server/storage/objects/access-keys.ts";
import { filesIn } from "#server/storage/objects/test-store.ts";

const SECRETS_KEY = "a key of tests, which is long enough to pass";
const WRITES = 300;
const KILLS = 3;
const Bucket = "photos";

async function runtimeWithDoor() {
  const s3Port = await freePort();
  const runtime = await testRuntime({ S3_PORT: String(s3Port), SECRETS_KEY });
  const client = await clientOf(runtime, s3Port);
  await client.send(new CreateBucketCommand({ Bucket }));
  return { runtime, client, s3Port, [Symbol.asyncDispose]: () => runtime[Symbol.asyncDispose]() };
}

/** With a key as the console makes one. */
async function clientOf({ database: { db } }: TestRuntime, s3Port: number): Promise<S3Client> {
  const of = {
    organizationId: newId("organization"),
    userId: newId("user"),
    name: "test",
    access: "write",
    bucketId: null,
  } as const;
  const { accessKeyId, secret: secretAccessKey } = await makeAccessKey({ db, seal: new Seal(SECRETS_KEY) }, of);
  return new S3Client({
    endpoint: `http://127.0.0.1:${s3Port}`,
    forcePathStyle: true,
    region: "us-east-1",
    credentials: { accessKeyId, secretAccessKey },
    maxAttempts: 1,
  });
}

const contentOf = (key: string) => `${key} `.repeat(2_000);

async function put(client: S3Client, Key: string): Promise<boolean> {
  return client.send(new PutObjectCommand({ Bucket, Key, Body: contentOf(Key) })).then(
    () => true,
    () => false,
  );
}

async function read(client: S3Client, Key: string): Promise<string | undefined> {
  const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }));
  return Body?.transformToString();
}

test(
  "kill -9 of the runtime during mixed writes: what was acknowledged is there, and nothing half",
  { timeout: 180_000 },
  async () => {
    await using door = await runtimeWithDoor();
    const { client, runtime } = door;
    const acknowledged = new Set<string>();
    const state = { next: 0 };
    const writer = async () => {
      while (state.next < WRITES) {
        // Every third write replaces what an earlier one wrote.
        const number = state.next++;
        const key = number % 3 === 2 ? `key ${number - 2}` : `key ${number}`;
        if (await put(client, key)) acknowledged.add(key);
        else
          await eventually(
            () => put(client, "probe"),
            (isThere) => isThere,
            60_000,
          );
      }
    };
    const writers = Array.from({ length: 4 }, writer);
    for (let kill = 1; kill <= KILLS; kill += 1) {
      await eventually(
        async () => state.next,
        (done) => done > (kill * WRITES) / (KILLS + 1),
        60_000,
      );
      await runtime.kill("SIGKILL");
      await runtime.start();
    }
    await Promise.all(writers);
    const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket }));
    const listed = new Set(Contents.map(({ Key }) => Key ?? ""));
    expect([...acknowledged].filter((key) => !listed.has(key))).toEqual([]);
    expect(acknowledged.size).toBeGreaterThan(100);
    for (const key of listed) expect(await read(client, key)).toBe(contentOf(key));
  },
);

test(
  "a runtime that takes over serves the same objects; what the old one was sending is sent to the end",
  { timeout: 120_000 },
  async () => {
    await using door = await runtimeWithDoor();
    const { client, runtime } = door;
    await client.send(new PutObjectCommand({ Bucket, Key: "large", Body: Buffer.alloc(40_000_000, "x") }));
    const { Body } = await client.send(new GetObjectCommand({ Bucket, Key: "large" }));
    const successor = await runtime.succeed();
    const stopped = runtime.kill("SIGTERM");
    expect((await Body?.transformToByteArray())?.length).toBe(40_000_000);
    client.destroy();
    await stopped;
    const later = await clientAfter(client);
    expect(await put(later, "after")).toBe(true);
    expect(await read(later, "after")).toBe(contentOf("after"));
    expect(await filesIn(runtime.dataDir)).toHaveLength(2);
    await successor.kill("SIGTERM");
  },
);

/** The same client, on connections of its own. */
async function clientAfter(client: S3Client): Promise<S3Client> {
  const { region, credentials, forcePathStyle, endpoint } = client.config;
  const url = await endpoint?.();
  return new S3Client({
    endpoint: `${url?.protocol}//${url?.hostname}:${url?.port}`,
    region,
    credentials,
    forcePathStyle: forcePathStyle === true,
    maxAttempts: 1,
  });
}

test("a port in use is told with the name of the setting", { timeout: 60_000 }, async () => {
  await using door = await runtimeWithDoor();
  await using other = await testRuntime();
  await other.kill("SIGTERM");
  await expect(other.start({ S3_PORT: String(door.s3Port), SECRETS_KEY })).rejects.toThrow(
    /Port \d+ is in use. Stop what uses it, or set S3_PORT/,
  );
  await other.start();
});
