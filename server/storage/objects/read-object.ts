import type { FileHandle } from "node:fs/promises";
import { Readable } from "node:stream";
import { errnoOf } from "#server/std/fault.ts";
import {
  keyBytes,
  objectColumns,
  objectHead,
  type BucketAddress,
  type ObjectAddress,
  type ObjectHead,
} from "./object-head.ts";
import type { ObjectStore } from "./object-store.ts";
import { refusal } from "./refusal.ts";

/** What is read from the disk at once. */
const READ_BYTES = 256 * 1024;
/** An object may be replaced between the reading of its row and the opening of its file; as often as this in a row, hardly. */
const TRIES_MAX = 5;

/** From and to which byte, both included. */
export type ByteRange = { start: number; end: number };

export type OpenObject = { head: ObjectHead; content: Readable };

/** What is known of an object without its bytes. Throws the refusal `no_such_key`. */
export async function headObject(
  { db }: Pick<ObjectStore, "db">,
  { organizationId, bucketId, key }: ObjectAddress,
): Promise<ObjectHead> {
  const row = await db.storedObject.findUnique({
    where: { bucketId_key: { bucketId, key: keyBytes(key) }, organizationId },
    select: objectColumns,
  });
  if (!row) throw refusal("no_such_key");
  return objectHead(row);
}

/**
 * Opens an object's bytes. `choose` sees the head first and says which of them; it may throw. What is open stays readable when
 * the object is replaced or deleted, save one of parts, whose later files are opened as they are reached: its stream then breaks.
 */
export async function openObject(
  store: ObjectStore,
  of: ObjectAddress,
  choose: (head: ObjectHead) => ByteRange | null = () => null,
): Promise<OpenObject> {
  for (let tries = 1; ; tries += 1) {
    const head = await headObject(store, of);
    const range = choose(head) ?? { start: 0, end: head.sizeBytes - 1 };
    try {
      return { head, content: await contentOf(store, of, { head, range }) };
    } catch (error) {
      if (errnoOf(error) !== "ENOENT" || tries === TRIES_MAX) throw error;
    }
  }
}

async function contentOf(
  store: ObjectStore,
  of: ObjectAddress,
  { head, range }: { head: ObjectHead; range: ByteRange },
): Promise<Readable> {
  if (range.end < range.start) return Readable.from([]);
  const [first, ...rest] = slicesIn(await segmentsOf(store, of, head), range);
  if (!first) return Readable.from([]);
  const beginning = streamOf(await store.blobs.openBlob(first.blobId), first);
  if (rest.length === 0) return beginning;
  const content = Readable.from(chunksOf(store, beginning, rest), { objectMode: false, highWaterMark: READ_BYTES });
  // Who gives up before the first byte leaves no file open.
  return content.once("close", () => beginning.destroy());
}

type Slice = { blobId: string; start: number; end: number };

function streamOf(file: FileHandle, { start, end }: Slice): Readable {
  return file.createReadStream({ start, end, highWaterMark: READ_BYTES });
}

async function* chunksOf(store: ObjectStore, beginning: Readable, rest: Slice[]): AsyncGenerator<Uint8Array> {
  yield* beginning;
  for (const slice of rest) yield* streamOf(await store.blobs.openBlob(slice.blobId), slice);
}

export type Segment = { blobId: string; sizeBytes: number };

/** The blobs that an object is made of, in order. */
export async function segmentsOf(
  { db }: Pick<ObjectStore, "db">,
  { organizationId }: BucketAddress,
  head: ObjectHead,
): Promise<Segment[]> {
  if (head.blobId !== null) return [{ blobId: head.blobId, sizeBytes: head.sizeBytes }];
  const parts = await db.multipartPart.findMany({
    where: { uploadId: head.uploadId ?? "", upload: { organizationId } },
    orderBy: { number: "asc" },
    select: { blobId: true, sizeBytes: true },
  });
  const segments = parts.map(({ blobId, sizeBytes }) => ({ blobId, sizeBytes: Number(sizeBytes) }));
  const bytes = segments.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  // The object was replaced meanwhile, and its parts went with it.
  if (bytes !== head.sizeBytes) throw Object.assign(new Error("an object's parts are gone"), { code: "ENOENT" });
  return segments;
}

function slicesIn(segments: readonly Segment[], range: ByteRange): Slice[] {
  let at = 0;
  return segments.flatMap(({ blobId, sizeBytes }) => {
    const start = Math.max(0, range.start - at);
    const end = Math.min(sizeBytes - 1, range.end - at);
    at += sizeBytes;
    return start <= end ? [{ blobId, start, end }] : [];
  });
}
