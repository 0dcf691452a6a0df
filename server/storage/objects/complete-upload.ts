import { createHash } from "node:crypto";
import type { Tx } from "#server/db/client.ts";
import type { Id } from "#server/std/id.ts";
import { checksumOfParts, checksumSchema, type Checksum } from "./checksum.ts";
import { headObject } from "./read-object.ts";
import { keyBytes } from "./object-head.ts";
import { lockBucket, transactionOptions, type ObjectStore } from "./object-store.ts";
import { lockUpload, type Upload, type UploadAddress } from "./multipart.ts";
import { writeObject, type ObjectBytes, type StoredFacts, type WriteCondition } from "./put-object.ts";
import { refusal, refusalReason } from "./refusal.ts";

const PART_BYTES_MIN = 5 * 1024 ** 2;
const OBJECT_BYTES_MAX = 5 * 1024 ** 4;

/** A part as whoever completes the upload names it. */
export type NamedPart = { number: number; etag: string; checksum: string | null };

type PartRow = { number: number; etag: string; sizeBytes: bigint; checksum: Checksum | null; blobId: string };

/**
 * Makes an object of an upload's parts, where they are: no byte is copied. Parts that are not named are removed. Asked again after
 * it was done, it says the same as the first time, for as long as the object is there.
 */
export async function completeUpload(
  store: ObjectStore,
  of: UploadAddress & { parts: readonly NamedPart[]; checksum: string | null; condition?: WriteCondition },
): Promise<StoredFacts> {
  try {
    const { facts, freed } = await store.db.$transaction((tx) => complete(store, tx, of), transactionOptions);
    store.blobs.onStep("committed");
    await store.blobs.remove(freed);
    return facts;
  } catch (error) {
    const done = refusalReason(error) === "no_such_upload" ? await completedBefore(store, of) : null;
    if (!done) throw error;
    return done;
  }
}

type Completion = UploadAddress & { parts: readonly NamedPart[]; checksum: string | null; condition?: WriteCondition };

async function complete(store: ObjectStore, tx: Tx, of: Completion): Promise<{ facts: StoredFacts; freed: string[] }> {
  await lockBucket(tx, of);
  const upload = await lockUpload(tx, of);
  const rows = await partsOf(tx, of.organizationId, upload.id);
  const chosen = choose(rows, of.parts);
  const bytes = bytesOf(upload, chosen);
  if (of.checksum !== null && of.checksum !== bytes.checksum?.value) throw refusal("wrong_checksum");
  const uploadedAt = new Date(store.clock.nowMs());
  const { headers, userMetadata } = upload;
  const replaced = await writeObject(tx, { ...of, headers, userMetadata, uploadedAt }, bytes);
  const used = new Set(chosen.map(({ number }) => number));
  const unused = rows.filter(({ number }) => !used.has(number));
  const { organizationId } = of;
  if (unused.length > 0)
    await tx.multipartPart.deleteMany({
      where: { uploadId: upload.id, number: { in: unused.map(({ number }) => number) }, upload: { organizationId } },
    });
  await tx.multipartUpload.update({
    where: { id: upload.id, organizationId },
    data: { completedAt: uploadedAt },
    select: { id: true },
  });
  store.blobs.onStep("in_transaction");
  return { facts: { ...bytes, uploadedAt }, freed: [...replaced, ...unused.map(({ blobId }) => blobId)] };
}

async function partsOf(tx: Tx, organizationId: Id<"organization">, uploadId: Id<"upload">): Promise<PartRow[]> {
  const rows = await tx.multipartPart.findMany({
    where: { uploadId, upload: { organizationId } },
    orderBy: { number: "asc" },
    select: { number: true, etag: true, sizeBytes: true, checksum: true, blobId: true },
  });
  return rows.map((row) => ({ ...row, checksum: checksumSchema.nullable().parse(row.checksum) }));
}

function choose(rows: readonly PartRow[], named: readonly NamedPart[]): PartRow[] {
  const byNumber = new Map(rows.map((row) => [row.number, row]));
  const chosen = named.map((part, at) => {
    if (part.number <= (named[at - 1]?.number ?? 0)) throw refusal("invalid_part_order");
    const row = byNumber.get(part.number);
    if (!row || row.etag !== part.etag) throw refusal("invalid_part");
    if (part.checksum !== null && part.checksum !== row.checksum?.value) throw refusal("invalid_part");
    return row;
  });
  if (chosen.length === 0) throw refusal("invalid_part");
  if (chosen.slice(0, -1).some(({ sizeBytes }) => sizeBytes < PART_BYTES_MIN)) throw refusal("part_too_small");
  return chosen;
}

function bytesOf(upload: Upload, parts: readonly PartRow[]): ObjectBytes {
  const sizeBytes = parts.reduce((sum, part) => sum + Number(part.sizeBytes), 0);
  if (sizeBytes > OBJECT_BYTES_MAX) throw refusal("too_large");
  const md5 = createHash("md5");
  for (const { etag } of parts) md5.update(Buffer.from(etag, "hex"));
  return {
    etag: `${md5.digest("hex")}-${parts.length}`,
    sizeBytes,
    checksum: upload.checksum && wholeChecksum(upload.checksum, parts),
    blobId: null,
    uploadId: upload.id,
  };
}

function wholeChecksum(wanted: NonNullable<Upload["checksum"]>, parts: readonly PartRow[]): Checksum {
  return checksumOfParts(
    wanted,
    parts.map(({ checksum, sizeBytes }) => {
      // Each part was given the upload's algorithm when it came; one that was sent with another's can't be added up.
      if (checksum?.algorithm !== wanted.algorithm) throw refusal("invalid_part");
      return { value: checksum.value, sizeBytes: Number(sizeBytes) };
    }),
  );
}

/** The answer to a client that did not hear the first one. */
async function completedBefore(store: ObjectStore, of: UploadAddress): Promise<StoredFacts | null> {
  const { organizationId, bucketId, uploadId } = of;
  const done = await store.db.storedObject.findFirst({
    where: { organizationId, bucketId, key: keyBytes(of.key), uploadId },
    select: { etag: true },
  });
  return done && headObject(store, of);
}
