import type { Tx } from "#server/db/client.ts";
import { Prisma } from "#server/db/generated/client.ts";
import { asId, isId, newId, type Id } from "#server/std/id.ts";
import type { IncomingBytes } from "./body-check.ts";
import { isChecksumAlgorithm, type Checksum, type ChecksumAlgorithm, type ChecksumType } from "./checksum.ts";
import {
  checkDescription,
  descriptionOf,
  keyBytes,
  type ObjectAddress,
  type ObjectDescription,
} from "./object-head.ts";
import { lockBucket, transactionOptions, type ObjectStore } from "./object-store.ts";
import { keepBlob } from "./put-object.ts";
import { refusal } from "./refusal.ts";

export const PARTS_MAX = 10_000;

/** What the parts' checksums will be made into. */
export type UploadChecksum = { algorithm: ChecksumAlgorithm; type: ChecksumType };

export type UploadAddress = ObjectAddress & { uploadId: string };

/** An upload as it was begun. */
export type Upload = ObjectDescription & { id: Id<"upload">; checksum: UploadChecksum | null };

export async function createUpload(
  store: ObjectStore,
  of: ObjectAddress & ObjectDescription & { checksum: UploadChecksum | null },
): Promise<{ uploadId: Id<"upload"> }> {
  checkDescription(of);
  const { organizationId, bucketId, headers, userMetadata, checksum } = of;
  const uploadId = newId("upload");
  const key = keyBytes(of.key);
  const startedAt = new Date(store.clock.nowMs());
  await store.db.$transaction(async (tx) => {
    await lockBucket(tx, of);
    await tx.multipartUpload.create({
      data: {
        id: uploadId,
        organizationId,
        bucketId,
        key,
        headers,
        userMetadata,
        checksumAlgorithm: checksum?.algorithm ?? null,
        checksumType: checksum?.type ?? null,
        startedAt,
      },
      select: { id: true },
    });
  }, transactionOptions);
  return { uploadId };
}

/** An upload that is open. Throws the refusal `no_such_upload`. */
export async function openUpload(tx: Tx | ObjectStore["db"], of: UploadAddress): Promise<Upload> {
  const { organizationId, bucketId, uploadId } = of;
  const row = isId("upload", uploadId)
    ? await tx.multipartUpload.findFirst({
        where: { id: uploadId, organizationId, bucketId, key: keyBytes(of.key), completedAt: null },
        select: { headers: true, userMetadata: true, checksumAlgorithm: true, checksumType: true },
      })
    : null;
  if (!row) throw refusal("no_such_upload");
  const { checksumAlgorithm: algorithm, checksumType } = row;
  const type: ChecksumType = checksumType === "FULL_OBJECT" ? "FULL_OBJECT" : "COMPOSITE";
  return {
    id: asId("upload", uploadId),
    ...descriptionOf(row),
    checksum: algorithm !== null && isChecksumAlgorithm(algorithm) ? { algorithm, type } : null,
  };
}

/** One change of an upload at a time: a part that comes while it is completed, or ended, finds it gone. */
export async function lockUpload(tx: Tx, of: UploadAddress): Promise<Upload> {
  const { organizationId, uploadId } = of;
  await tx.$executeRaw`
    SELECT 1 FROM multipart_upload WHERE id = ${uploadId} AND organization_id = ${organizationId} FOR NO KEY UPDATE`;
  return openUpload(tx, of);
}

export type StoredPart = {
  number: number;
  sizeBytes: number;
  etag: string;
  checksum: Checksum | null;
  uploadedAt: Date;
};

/** Stores a part, in the place of one of that number. `number`: 1 to 10,000. */
export async function putPart(
  store: ObjectStore,
  of: UploadAddress & { number: number },
  body: IncomingBytes,
): Promise<StoredPart> {
  const { checksum: wanted } = await openUpload(store.db, of);
  const checked = { ...body, algorithm: body.algorithm ?? wanted?.algorithm ?? null };
  const blob = await store.blobs.receive(store.space.bounded(of.organizationId, checked));
  return keepBlob(store, blob, async (tx) => {
    const { id: uploadId } = await lockUpload(tx, of);
    const { number } = of;
    const { blobId, md5Hex: etag, sizeBytes, checksum } = blob;
    const uploadedAt = new Date(store.clock.nowMs());
    const where = { uploadId_number: { uploadId, number } };
    const before = await tx.multipartPart.findUnique({ where, select: { blobId: true } });
    const data = { sizeBytes: BigInt(sizeBytes), etag, checksum: checksum ?? Prisma.DbNull, blobId, uploadedAt };
    if (before) await tx.multipartPart.update({ where, data, select: { number: true } });
    else await tx.multipartPart.create({ data: { ...data, uploadId, number }, select: { number: true } });
    store.blobs.onStep("in_transaction");
    return { result: { number, sizeBytes, etag, checksum, uploadedAt }, freed: before ? [before.blobId] : [] };
  });
}

/** Ends an upload, and removes its parts. */
export async function abortUpload(store: ObjectStore, of: UploadAddress): Promise<void> {
  const freed = await store.db.$transaction(async (tx) => {
    const { id } = await lockUpload(tx, of);
    return removeUpload(tx, of.organizationId, id);
  }, transactionOptions);
  await store.blobs.remove(freed);
}

async function removeUpload(tx: Tx, organizationId: Id<"organization">, id: Id<"upload">): Promise<string[]> {
  const parts = await tx.multipartPart.findMany({
    where: { uploadId: id, upload: { organizationId } },
    select: { blobId: true },
  });
  await tx.multipartUpload.deleteMany({ where: { id, organizationId } });
  return parts.map(({ blobId }) => blobId);
}
