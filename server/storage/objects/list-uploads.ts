import { Prisma } from "#server/db/generated/client.ts";
import { checksumSchema } from "./checksum.ts";
import { textOfKey, type BucketAddress } from "./object-head.ts";
import type { ObjectStore } from "./object-store.ts";
import { openUpload, type StoredPart, type Upload, type UploadAddress } from "./multipart.ts";

/** Parts of an open upload after a number, and whether there are more. */
export async function listParts(
  { db }: Pick<ObjectStore, "db">,
  of: UploadAddress,
  { after, max }: { after: number; max: number },
): Promise<{ upload: Upload; parts: StoredPart[]; hasMore: boolean }> {
  const upload = await openUpload(db, of);
  const rows = await db.multipartPart.findMany({
    where: { uploadId: upload.id, number: { gt: after }, upload: { organizationId: of.organizationId } },
    orderBy: { number: "asc" },
    take: max + 1,
    select: { number: true, sizeBytes: true, etag: true, checksum: true, uploadedAt: true },
  });
  const parts = rows.slice(0, max).map((row) => ({
    ...row,
    sizeBytes: Number(row.sizeBytes),
    checksum: checksumSchema.nullable().parse(row.checksum),
  }));
  return { upload, parts, hasMore: rows.length > max };
}

export type ListedUpload = { key: string; uploadId: string; startedAt: Date };

type UploadRow = { key: Uint8Array; uploadId: string; startedAt: Date };

/** Open uploads by key and id, after a pair of both, and whether there are more. */
export async function listUploads(
  { db }: Pick<ObjectStore, "db">,
  { organizationId, bucketId }: BucketAddress,
  { prefix, after, max }: { prefix: string; after: { key: string; uploadId: string } | null; max: number },
): Promise<{ uploads: ListedUpload[]; hasMore: boolean }> {
  const begin = Buffer.from(prefix, "utf8");
  const end = Buffer.concat([begin, Buffer.from([0xff])]); // no byte of UTF-8 is 0xff
  const isLater = after
    ? Prisma.sql`AND (key, id) > (${Buffer.from(after.key, "utf8")}, ${after.uploadId})`
    : Prisma.empty;
  const rows = await db.$queryRaw<UploadRow[]>`
    SELECT key, id AS "uploadId", started_at AS "startedAt" FROM multipart_upload
    WHERE bucket_id = ${bucketId} AND organization_id = ${organizationId} AND completed_at IS NULL
      AND key >= ${begin} AND key < ${end} ${isLater}
    ORDER BY key, id LIMIT ${max + 1}`;
  return {
    uploads: rows.slice(0, max).map((row) => ({ ...row, key: textOfKey(row.key) })),
    hasMore: rows.length > max,
  };
}
