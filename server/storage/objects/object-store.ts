import { join } from "node:path";
import type { Db, Tx } from "#server/db/client.ts";
import { systemClock, type Clock } from "#server/std/clock.ts";
import { asId, newId, type Id } from "#server/std/id.ts";
import { BlobFolder, type WriteStep } from "./blob-folder.ts";
import type { BucketAddress } from "./object-head.ts";
import { refusal } from "./refusal.ts";
import { Space, type SpaceBounds } from "./space.ts";

/** The engine's parts: rows in Postgres say what there is, files under DATA_DIR hold the bytes. */
export type ObjectStore = { db: Db; blobs: BlobFolder; space: Space; clock: Clock; folderId: Id<"contentFolder"> };

/** A bucket's row is locked for the length of a few statements, so waiting for it is waiting for others' commits. */
export const transactionOptions = { maxWait: 15_000, timeout: 30_000 } as const;

export async function openObjectStore(of: {
  db: Db;
  dataDir: string;
  clock?: Clock;
  reserveBytes?: number;
  bounds?: SpaceBounds;
  onStep?: (step: WriteStep) => void;
}): Promise<ObjectStore> {
  const { db, dataDir, clock = systemClock, bounds, ...options } = of;
  const blobs = await BlobFolder.open(join(dataDir, "objects"), options);
  const folderId = await blobs.identity(async () => {
    const id = newId("contentFolder");
    await db.contentFolder.create({ data: { id }, select: { id: true } });
    return id;
  });
  return { db, blobs, space: new Space(db, bounds), clock, folderId: asId("contentFolder", folderId) };
}

/** One change of a bucket at a time, to the end of the transaction: counts are then right, and a bucket that is deleted is empty. */
export async function lockBucket(tx: Tx, { organizationId, bucketId }: BucketAddress): Promise<void> {
  const rows = await tx.$queryRaw<{ id: string }[]>`
    SELECT id FROM bucket WHERE id = ${bucketId} AND organization_id = ${organizationId} FOR NO KEY UPDATE`;
  if (rows.length === 0) throw refusal("no_such_bucket");
}

export async function moveCounts(
  tx: Tx,
  { organizationId, bucketId }: BucketAddress,
  by: { objects: number; bytes: bigint },
): Promise<void> {
  await tx.bucket.update({
    where: { id: bucketId, organizationId },
    data: { objectCount: { increment: by.objects }, storedBytes: { increment: by.bytes } },
    select: { id: true },
  });
}

/** Takes away what holds the bytes of objects whose rows change or go. The blobs are to be removed once that is committed. */
export async function releaseBlobs(
  tx: Tx,
  { organizationId }: BucketAddress,
  rows: readonly { blobId: string | null; uploadId: string | null }[],
): Promise<string[]> {
  const uploadIds = rows.flatMap(({ uploadId }) => uploadId ?? []);
  const own = rows.flatMap(({ blobId }) => blobId ?? []);
  if (uploadIds.length === 0) return own;
  const parts = await tx.multipartPart.findMany({
    where: { uploadId: { in: uploadIds }, upload: { organizationId } },
    select: { blobId: true },
  });
  await tx.multipartUpload.deleteMany({ where: { id: { in: uploadIds }, organizationId } });
  return [...own, ...parts.map(({ blobId }) => blobId)];
}
