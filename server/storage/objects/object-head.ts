import { z } from "zod";
import type { Id } from "#server/std/id.ts";
import { checksumSchema, type Checksum } from "./checksum.ts";
import { refusal } from "./refusal.ts";

const KEY_BYTES_MAX = 1_024;
/** As S3 has it: names and values together. */
const USER_METADATA_BYTES_MAX = 2_048;

/** Headers that come back with the object as they were sent. */
export const contentHeadersSchema = z.object({
  contentType: z.string().optional(),
  cacheControl: z.string().optional(),
  contentDisposition: z.string().optional(),
  contentEncoding: z.string().optional(),
  contentLanguage: z.string().optional(),
  expires: z.string().optional(),
});
export type ContentHeaders = z.infer<typeof contentHeadersSchema>;
const userMetadataSchema = z.record(z.string(), z.string());

/** What a writer says of an object beside its bytes. */
export type ObjectDescription = { headers: ContentHeaders; userMetadata: Record<string, string> };

/** A bucket of an organization. Both ids are in every query. */
export type BucketAddress = { organizationId: Id<"organization">; bucketId: Id<"bucket"> };
export type ObjectAddress = BucketAddress & { key: string };

export type ObjectHead = ObjectDescription & {
  key: string;
  sizeBytes: number;
  etag: string;
  checksum: Checksum | null;
  uploadedAt: Date;
  blobId: string | null;
  uploadId: string | null;
};

export const objectColumns = {
  key: true,
  sizeBytes: true,
  etag: true,
  headers: true,
  userMetadata: true,
  checksum: true,
  uploadedAt: true,
  blobId: true,
  uploadId: true,
} as const;

type ObjectRow = Omit<ObjectHead, "key" | "sizeBytes" | "headers" | "userMetadata" | "checksum"> & {
  key: Uint8Array;
  sizeBytes: bigint;
  headers: unknown;
  userMetadata: unknown;
  checksum: unknown;
};

export function objectHead(row: ObjectRow): ObjectHead {
  return {
    ...row,
    key: textOfKey(row.key),
    sizeBytes: Number(row.sizeBytes),
    ...descriptionOf(row),
    checksum: checksumSchema.nullable().parse(row.checksum),
  };
}

export function descriptionOf(row: { headers: unknown; userMetadata: unknown }): ObjectDescription {
  return {
    headers: contentHeadersSchema.parse(row.headers),
    userMetadata: userMetadataSchema.parse(row.userMetadata),
  };
}

/** An object's name as it is kept. Throws a refusal for one that can't be a name. */
export function keyBytes(key: string): Buffer<ArrayBuffer> {
  const bytes = Buffer.from(key, "utf8");
  if (bytes.length > KEY_BYTES_MAX) throw refusal("key_too_long");
  if (key === "" || key.includes("\0") || !key.isWellFormed()) throw refusal("invalid_key");
  return bytes;
}

export function textOfKey(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("utf8");
}

export function checkDescription({ userMetadata }: ObjectDescription): void {
  const bytes = Object.entries(userMetadata).reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  if (bytes > USER_METADATA_BYTES_MAX) throw refusal("metadata_too_large");
}
