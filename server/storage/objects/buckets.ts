import { recordAudit } from "#server/accounts/audit.ts";
import type { Db } from "#server/db/client.ts";
import { asId, newId, type Id } from "#server/std/id.ts";
import { lockBucket, transactionOptions, type ObjectStore } from "./object-store.ts";
import { refusal } from "./refusal.ts";

const BUCKETS_MAX = 100;

export type BucketRow = {
  id: Id<"bucket">;
  name: string;
  objectCount: bigint;
  storedBytes: bigint;
  createdAt: Date;
};

/** Who changes a bucket: a person in the console, or whoever has an access key. */
export type Actor = { userId: Id<"user"> } | { accessKeyId: string };

const columns = { id: true, name: true, objectCount: true, storedBytes: true, createdAt: true } as const;

/** The organization's buckets by name. */
export async function listBuckets(db: Db, organizationId: Id<"organization">): Promise<BucketRow[]> {
  const rows = await db.bucket.findMany({ where: { organizationId }, orderBy: { name: "asc" }, select: columns });
  return rows.map((row) => ({ ...row, id: asId("bucket", row.id) }));
}

/** Throws the refusal `no_such_bucket`, also for one of another organization. */
export async function bucketNamed(
  db: Db,
  { organizationId, name }: { organizationId: Id<"organization">; name: string },
): Promise<BucketRow> {
  const row = await db.bucket.findUnique({ where: { organizationId_name: { organizationId, name } }, select: columns });
  if (!row) throw refusal("no_such_bucket");
  return { ...row, id: asId("bucket", row.id) };
}

/** The name is one of `bucketName` (contract/buckets.ts). Throws the refusals `bucket_exists` and `too_many_buckets`. */
export async function createBucket(
  db: Db,
  of: { organizationId: Id<"organization">; name: string; by: Actor },
): Promise<{ id: Id<"bucket"> }> {
  const { organizationId, name, by } = of;
  return db.$transaction(async (tx) => {
    await tx.$executeRaw`SELECT 1 FROM organization WHERE id = ${organizationId} FOR NO KEY UPDATE`;
    const where = { organizationId_name: { organizationId, name } };
    if (await tx.bucket.findUnique({ where, select: { id: true } })) throw refusal("bucket_exists", { field: "name" });
    if ((await tx.bucket.count({ where: { organizationId } })) >= BUCKETS_MAX) throw refusal("too_many_buckets");
    const id = newId("bucket");
    await tx.bucket.create({ data: { id, organizationId, name }, select: { id: true } });
    await recordAudit(tx, { organizationId, action: "bucket.created", subject: id, ...auditOf(by, name) });
    return { id };
  }, transactionOptions);
}

/** Deletes an empty bucket, its keys and what was uploaded for it in parts and not completed. */
export async function deleteBucket(
  store: ObjectStore,
  of: { organizationId: Id<"organization">; bucketId: Id<"bucket">; by: Actor },
): Promise<void> {
  const { organizationId, bucketId, by } = of;
  const freed = await store.db.$transaction(async (tx) => {
    await lockBucket(tx, of);
    if (await tx.storedObject.findFirst({ where: { organizationId, bucketId }, select: { etag: true } }))
      throw refusal("bucket_not_empty");
    const parts = await tx.multipartPart.findMany({
      where: { upload: { organizationId, bucketId } },
      select: { blobId: true },
    });
    const { name } = await tx.bucket.delete({ where: { id: bucketId, organizationId }, select: { name: true } });
    await recordAudit(tx, { organizationId, action: "bucket.deleted", subject: bucketId, ...auditOf(by, name) });
    return parts.map(({ blobId }) => blobId);
  }, transactionOptions);
  await store.blobs.remove(freed);
}

function auditOf(by: Actor, name: string): { userId: Id<"user"> | null; detail: Record<string, string> } {
  return "userId" in by
    ? { userId: by.userId, detail: { name } }
    : { userId: null, detail: { name, accessKeyId: by.accessKeyId } };
}
