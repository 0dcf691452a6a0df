import type { Tx } from "#server/db/client.ts";
import { Prisma } from "#server/db/generated/client.ts";
import type { Checksum } from "./checksum.ts";
import type { ReceivedBlob } from "./blob-folder.ts";
import type { IncomingBytes } from "./body-check.ts";
import { checkDescription, keyBytes, type ObjectAddress, type ObjectDescription } from "./object-head.ts";
import { lockBucket, moveCounts, releaseBlobs, transactionOptions, type ObjectStore } from "./object-store.ts";
import { refusal, refusalReason } from "./refusal.ts";

/** What has to be there, or not, for a write to happen: judged under the same lock as the write. */
export type WriteCondition = { ifMatch?: string | undefined; ifNoneMatch?: "*" | undefined };

export type StoredFacts = { etag: string; sizeBytes: number; checksum: Checksum | null; uploadedAt: Date };

/** The bytes of a new object: of one blob, or of a finished upload's parts. */
export type ObjectBytes = Omit<StoredFacts, "uploadedAt"> & { blobId: string | null; uploadId: string | null };

/** Stores an object, in the place of one of that name. Nobody sees it, or a part of it, before all of it is durable. */
export async function putObject(
  store: ObjectStore,
  of: ObjectAddress & ObjectDescription & { condition?: WriteCondition },
  body: IncomingBytes,
): Promise<StoredFacts> {
  checkDescription(of);
  keyBytes(of.key);
  const blob = await store.blobs.receive(store.space.bounded(of.organizationId, body));
  return keepBlob(store, blob, async (tx) => {
    const { blobId, md5Hex: etag, sizeBytes, checksum } = blob;
    const uploadedAt = new Date(store.clock.nowMs());
    await lockBucket(tx, of);
    const bytes = { etag, sizeBytes, checksum, blobId, uploadId: null };
    const freed = await writeObject(tx, { ...of, uploadedAt }, bytes);
    store.blobs.onStep("in_transaction");
    return { result: { etag, sizeBytes, checksum, uploadedAt }, freed };
  });
}

/**
 * Names a blob in a transaction, and removes afterwards what the transaction says is free. After a refusal the blob itself is
 * removed; after any other failure it stays for the sweeper, as the transaction may have been committed all the same.
 */
export async function keepBlob<Result>(
  store: ObjectStore,
  blob: ReceivedBlob,
  name: (tx: Tx) => Promise<{ result: Result; freed: string[] }>,
): Promise<Result> {
  try {
    const { result, freed } = await store.db.$transaction(name, transactionOptions);
    store.blobs.onStep("committed");
    await store.blobs.remove(freed);
    return result;
  } catch (error) {
    if (refusalReason(error) !== undefined) await store.blobs.remove([blob.blobId]);
    throw error;
  }
}

/** Call it under `lockBucket`. Returns the blobs that the object before had. */
export async function writeObject(
  tx: Tx,
  of: ObjectAddress & ObjectDescription & { condition?: WriteCondition; uploadedAt: Date },
  bytes: ObjectBytes,
): Promise<string[]> {
  const { organizationId, bucketId, headers, userMetadata, uploadedAt, condition } = of;
  const key = keyBytes(of.key);
  const where = { bucketId_key: { bucketId, key }, organizationId };
  const columns = { sizeBytes: true, etag: true, blobId: true, uploadId: true } as const;
  const before = await tx.storedObject.findUnique({ where, select: columns });
  if (condition) checkCondition(condition, before);
  const { sizeBytes, etag, checksum, blobId, uploadId } = bytes;
  const data = {
    sizeBytes: BigInt(sizeBytes),
    etag,
    headers,
    userMetadata,
    checksum: checksum ?? Prisma.DbNull,
    blobId,
    uploadId,
    uploadedAt,
  };
  if (before) await tx.storedObject.update({ where, data, select: { etag: true } });
  else await tx.storedObject.create({ data: { ...data, organizationId, bucketId, key }, select: { etag: true } });
  await moveCounts(tx, of, {
    objects: before ? 0 : 1,
    bytes: BigInt(sizeBytes) - (before?.sizeBytes ?? 0n),
  });
  return before ? releaseBlobs(tx, of, [before]) : [];
}

function checkCondition({ ifMatch, ifNoneMatch }: WriteCondition, before: { etag: string } | null): void {
  if (ifNoneMatch !== undefined && before) throw refusal("precondition_failed");
  if (ifMatch === undefined) return;
  if (!before) throw refusal("no_such_key");
  if (ifMatch !== "*" && ifMatch !== before.etag) throw refusal("precondition_failed");
}
