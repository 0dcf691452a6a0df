import type { ChecksumAlgorithm } from "./checksum.ts";
import type { IncomingBytes } from "./body-check.ts";
import type { ObjectAddress, ObjectDescription, ObjectHead } from "./object-head.ts";
import type { ObjectStore } from "./object-store.ts";
import { putObject, type StoredFacts, type WriteCondition } from "./put-object.ts";
import { openObject, type ByteRange } from "./read-object.ts";

/** As S3 has it: more is copied in parts. */
export const COPY_BYTES_MAX = 5 * 1024 ** 3;

/**
 * Copies an object's bytes, to a blob of its own: each blob belongs to one row. `choose` sees the source first, and may throw.
 * Without a description the copy has the source's.
 */
export async function copyObject(
  store: ObjectStore,
  of: {
    from: ObjectAddress;
    to: ObjectAddress;
    description: ObjectDescription | null;
    algorithm: ChecksumAlgorithm | null;
    condition?: WriteCondition;
  },
  choose: (source: ObjectHead) => void,
): Promise<StoredFacts> {
  const { from, to, condition, algorithm } = of;
  const whole = (source: ObjectHead): null => {
    choose(source);
    return null;
  };
  const source = await openCopy(store, from, { algorithm, choose: whole });
  try {
    const { headers, userMetadata } = of.description ?? source.head;
    return await putObject(store, { ...to, headers, userMetadata, ...(condition ? { condition } : {}) }, source.body);
  } finally {
    source.close();
  }
}

/** An object's bytes, or a range of them, as what comes in. Close it in the end, used or not. */
export async function openCopy(
  store: ObjectStore,
  from: ObjectAddress,
  { algorithm, choose }: { algorithm: ChecksumAlgorithm | null; choose: (source: ObjectHead) => ByteRange | null },
): Promise<{ head: ObjectHead; body: IncomingBytes; close(): void }> {
  let range: ByteRange | null = null;
  const { head, content } = await openObject(store, from, (source) => (range = choose(source)));
  const sizeBytes = sizeOf(range) ?? head.sizeBytes;
  return {
    head,
    close: () => void content.destroy(),
    body: {
      chunks: content,
      algorithm: algorithm ?? head.checksum?.algorithm ?? null,
      isSha256Signed: false,
      sizeBytesMax: COPY_BYTES_MAX,
      promised: () => ({ sizeBytes }),
    },
  };
}

function sizeOf(range: ByteRange | null): number | undefined {
  return range ? range.end - range.start + 1 : undefined;
}
