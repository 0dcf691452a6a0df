import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { testDatabase, type TestDatabase } from "#server/db/test-database.ts";
import type { Clock } from "#server/std/clock.ts";
import { newId, type Id } from "#server/std/id.ts";
import type { IncomingBytes, Promised } from "./body-check.ts";
import { createBucket } from "./buckets.ts";
import type { ChecksumAlgorithm } from "./checksum.ts";
import type { BucketAddress } from "./object-head.ts";
import { openObjectStore, type ObjectStore } from "./object-store.ts";
import { putObject } from "./put-object.ts";
import { openObject } from "./read-object.ts";
import type { SpaceBounds } from "./space.ts";

export const plain = { headers: {}, userMetadata: {} };

export type TestStore = AsyncDisposable & {
  database: TestDatabase;
  dataDir: string;
  store: ObjectStore;
  /** Moves the store's clock. */
  advance(ms: number): void;
  bucket(name?: string, organizationId?: Id<"organization">): Promise<BucketAddress>;
  put(of: BucketAddress, key: string, content: string): Promise<void>;
  get(of: BucketAddress, key: string): Promise<string>;
  /** All files of bytes that are on the disk, complete or not. */
  files(): Promise<string[]>;
};

/** An engine of a test's own, with a folder and a database of its own. */
export async function testStore(options: { reserveBytes?: number; bounds?: SpaceBounds } = {}): Promise<TestStore> {
  const database = await testDatabase();
  const dataDir = await mkdtemp(join(tmpdir(), "sluice-objects-"));
  let movedMs = 0;
  const clock: Clock = { nowMs: () => Date.now() + movedMs, monotonicUs: () => performance.now() * 1000 };
  const store = await openObjectStore({ db: database.db, dataDir, clock, ...options });
  return {
    database,
    dataDir,
    store,
    advance: (ms) => void (movedMs += ms),
    bucket: async (name = "photos", organizationId = newId("organization")) => {
      const { id } = await createBucket(database.db, { organizationId, name, by: { accessKeyId: "test" } });
      return { organizationId, bucketId: id };
    },
    put: async (of, key, content) => void (await putObject(store, { ...of, key, ...plain }, bytes(content))),
    get: async (of, key) => text((await openObject(store, { ...of, key })).content),
    files: () => filesIn(dataDir),
    async [Symbol.asyncDispose]() {
      await database[Symbol.asyncDispose]();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

export async function filesIn(dataDir: string): Promise<string[]> {
  const entries = await readdir(join(dataDir, "objects"), { recursive: true, withFileTypes: true });
  return entries.flatMap((entry) => (entry.isFile() && entry.name.startsWith("blb_") ? [entry.name] : []));
}

/** A body as a door hands it on. */
export function bytes(
  content: string | Uint8Array | AsyncIterable<Uint8Array>,
  more: { promised?: Promised; algorithm?: ChecksumAlgorithm; sizeBytesMax?: number } = {},
): IncomingBytes {
  const { promised = {}, algorithm = null, sizeBytesMax = 5 * 1024 ** 3 } = more;
  return {
    chunks: typeof content === "string" || content instanceof Uint8Array ? once(content) : content,
    algorithm,
    isSha256Signed: promised.sha256Hex !== undefined,
    sizeBytesMax,
    promised: () => promised,
  };
}

async function* once(content: string | Uint8Array): AsyncGenerator<Uint8Array> {
  yield Buffer.from(content);
}
