import { randomBytes } from "node:crypto";
import { recordAudit } from "#server/accounts/audit.ts";
import type { Db } from "#server/db/client.ts";
import type { S3Access } from "#server/db/generated/enums.ts";
import { Fault } from "#server/std/fault.ts";
import { asId, newId, type Id } from "#server/std/id.ts";
import type { Seal } from "#server/std/seal.ts";

const KEYS_MAX = 100;
/** "SLU" and as many letters and digits: 85 random bits, not secret. */
const ID_CHARACTERS = 17;
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const SECRET_BYTES = 30; // 40 characters, as S3's own have

export type AccessKeyRow = {
  id: Id<"accessKey">;
  name: string;
  accessKeyId: string;
  access: S3Access;
  /** Null: all buckets of the organization, and those that will be made. */
  bucketName: string | null;
  createdAt: Date;
};

/** What a request that is signed with a key may do. */
export type Grant = {
  organizationId: Id<"organization">;
  accessKeyId: string;
  access: S3Access;
  bucketId: Id<"bucket"> | null;
};

/** A key's secret is sealed for the key's own row. */
function purposeOf(id: string): string {
  return `s3-key:${id}`;
}

/** Makes a key. This is the only time that its secret is told. */
export async function makeAccessKey(
  { db, seal }: { db: Db; seal: Seal },
  of: {
    organizationId: Id<"organization">;
    userId: Id<"user">;
    name: string;
    access: S3Access;
    bucketId: Id<"bucket"> | null;
  },
): Promise<{ id: Id<"accessKey">; accessKeyId: string; secret: string }> {
  const { organizationId, userId, name, access, bucketId } = of;
  const id = newId("accessKey");
  const accessKeyId = `SLU${Array.from(randomBytes(ID_CHARACTERS), (byte) => ALPHABET[byte & 31]).join("")}`;
  const secret = randomBytes(SECRET_BYTES).toString("base64url");
  await db.$transaction(async (tx) => {
    await tx.$executeRaw`SELECT 1 FROM organization WHERE id = ${organizationId} FOR NO KEY UPDATE`;
    if ((await tx.s3AccessKey.count({ where: { organizationId } })) >= KEYS_MAX)
      throw new Fault("too_many", `An organization has ${KEYS_MAX} access keys at most. Revoke one that nobody uses.`);
    if (bucketId && !(await tx.bucket.findFirst({ where: { id: bucketId, organizationId }, select: { id: true } })))
      throw new Fault("not_found", "There is no such bucket.", { field: "bucket" });
    const sealedSecret = seal.seal(secret, purposeOf(id));
    await tx.s3AccessKey.create({
      data: { id, organizationId, name, accessKeyId, sealedSecret, access, bucketId, createdBy: userId },
      select: { id: true },
    });
    await recordAudit(tx, {
      organizationId,
      userId,
      action: "s3_key.created",
      subject: id,
      detail: { name, accessKeyId, access, bucketId },
    });
  });
  return { id, accessKeyId, secret };
}

/** The organization's keys, newest first, without their secrets. */
export async function listAccessKeys(db: Db, organizationId: Id<"organization">): Promise<AccessKeyRow[]> {
  const rows = await db.s3AccessKey.findMany({
    where: { organizationId },
    orderBy: [{ createdAt: "desc" }, { id: "desc" }],
    select: {
      id: true,
      name: true,
      accessKeyId: true,
      access: true,
      createdAt: true,
      bucket: { select: { name: true } },
    },
  });
  return rows.map(({ bucket, ...row }) => ({
    ...row,
    id: asId("accessKey", row.id),
    bucketName: bucket?.name ?? null,
  }));
}

/** From the next request on the key is unknown. */
export async function revokeAccessKey(
  db: Db,
  of: { organizationId: Id<"organization">; userId: Id<"user">; id: string },
): Promise<void> {
  const { organizationId, userId, id } = of;
  await db.$transaction(async (tx) => {
    const where = { id, organizationId };
    const key = await tx.s3AccessKey.findFirst({ where, select: { name: true, accessKeyId: true } });
    if (!key) throw new Fault("not_found", "There is no such key. It may have been revoked already.");
    await tx.s3AccessKey.deleteMany({ where });
    await recordAudit(tx, { organizationId, userId, action: "s3_key.revoked", subject: id, detail: key });
  });
}

/** Whose key it is, and the secret to check a signature with; null for one that is unknown or revoked. */
export async function findAccessKey(
  { db, seal }: { db: Db; seal: Seal },
  accessKeyId: string,
): Promise<(Grant & { secret: string }) | null> {
  const row = await db.s3AccessKey.findUnique({
    where: { accessKeyId },
    select: { id: true, organizationId: true, access: true, bucketId: true, sealedSecret: true },
  });
  return (
    row && {
      accessKeyId,
      organizationId: asId("organization", row.organizationId),
      access: row.access,
      bucketId: row.bucketId === null ? null : asId("bucket", row.bucketId),
      secret: seal.open(row.sealedSecret, purposeOf(row.id)),
    }
  );
}
