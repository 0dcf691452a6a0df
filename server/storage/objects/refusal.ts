import { Fault, type FaultCode } from "#server/std/fault.ts";

/** Why the engine refuses: what the console's doors say of it, and in which words. The S3 door has its own codes for each. */
const refusals = {
  no_such_bucket: ["not_found", "There is no such bucket."],
  bucket_exists: ["conflict", "You have a bucket of that name. Choose another name."],
  bucket_not_empty: ["conflict", "The bucket is not empty. Delete its objects first."],
  too_many_buckets: ["too_many", "An organization has 100 buckets at most. Delete one that you don't need."],
  no_such_key: ["not_found", "There is no such object."],
  no_such_upload: ["not_found", "There is no such upload: it was completed, ended, or never begun."],
  invalid_key: ["invalid", "An object's name has 1 to 1,024 bytes of UTF-8, and no NUL."],
  key_too_long: ["invalid", "An object's name has 1,024 bytes at most."],
  metadata_too_large: ["invalid", "An object's own metadata has 2 KB at most."],
  too_large: ["too_large", "That is too large: one upload has 5 GiB at most, an object in parts 5 TiB."],
  part_too_small: ["invalid", "A part has 5 MiB at least, unless it is the last."],
  invalid_part: ["invalid", "A part that is named was not uploaded, or has another ETag."],
  invalid_part_order: ["invalid", "Name the parts in ascending order."],
  incomplete_body: ["invalid", "The body ended before it had as many bytes as it said, or it has more."],
  wrong_md5: ["invalid", "The body's MD5 is not the one that was sent with it."],
  wrong_sha256: ["invalid", "The body's SHA-256 is not the one that was signed."],
  wrong_checksum: ["invalid", "The body's checksum is not the one that was sent with it."],
  invalid_range: ["invalid", "The object has no bytes in that range."],
  precondition_failed: ["conflict", "The object is not as the request's condition wants it."],
  no_space: [
    "too_large",
    "The organization's buckets take all the space that its plan gives them. Delete what is no longer needed.",
  ],
  disk_full: ["unavailable", "The disk under DATA_DIR is full, so nothing was stored. Tell your operator."],
} as const satisfies Record<string, readonly [FaultCode, string]>;

export type RefusalReason = keyof typeof refusals;

class ObjectRefusal extends Fault {
  readonly reason: RefusalReason;

  constructor(reason: RefusalReason, options: { field?: string; cause?: unknown }) {
    const [code, message] = refusals[reason];
    super(code, message, options);
    this.reason = reason;
  }
}

/** A refusal to be thrown. */
export function refusal(reason: RefusalReason, options: { field?: string; cause?: unknown } = {}): Error {
  return new ObjectRefusal(reason, options);
}

/** Why the engine refused, or undefined for anything else that was thrown. */
export function refusalReason(thrown: unknown): RefusalReason | undefined {
  if (!(thrown instanceof Fault) || !("reason" in thrown)) return undefined;
  const { reason } = thrown;
  return typeof reason === "string" && isReason(reason) ? reason : undefined;
}

function isReason(text: string): text is RefusalReason {
  return Object.hasOwn(refusals, text);
}
