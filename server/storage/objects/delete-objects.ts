import { keyBytes, textOfKey, type BucketAddress } from "./object-head.ts";
import { lockBucket, moveCounts, releaseBlobs, transactionOptions, type ObjectStore } from "./object-store.ts";

/** Deletes those of the named objects that are there (1,000 names at most), all at once. Returns their names. */
export async function deleteObjects(store: ObjectStore, of: BucketAddress, keys: readonly string[]): Promise<string[]> {
  const { organizationId, bucketId } = of;
  const { freed, deleted } = await store.db.$transaction(async (tx) => {
    await lockBucket(tx, of);
    const where = { organizationId, bucketId, key: { in: keys.map(keyBytes) } };
    const columns = { key: true, sizeBytes: true, blobId: true, uploadId: true } as const;
    const rows = await tx.storedObject.findMany({ where, select: columns });
    if (rows.length === 0) return { freed: [], deleted: [] };
    await tx.storedObject.deleteMany({ where });
    const bytes = rows.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0n);
    await moveCounts(tx, of, { objects: -rows.length, bytes: -bytes });
    store.blobs.onStep("in_transaction");
    return { freed: await releaseBlobs(tx, of, rows), deleted: rows.map(({ key }) => textOfKey(key)) };
  }, transactionOptions);
  store.blobs.onStep("committed");
  await store.blobs.remove(freed);
  return deleted;
}
