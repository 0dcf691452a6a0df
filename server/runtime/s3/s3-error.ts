import type { RefusalReason } from "#server/storage/objects/refusal.ts";

/** S3's own codes, with their status and what is said of them unless something better is known. */
const codes = {
  AccessDenied: [403, "Access denied."],
  AuthorizationHeaderMalformed: [400, "The authorization header is not one of AWS Signature Version 4."],
  AuthorizationQueryParametersError: [400, "The query's signing parameters are not those of AWS Signature Version 4."],
  BadDigest: [400, "The body's digest is not the one that was sent with it."],
  BucketAlreadyOwnedByYou: [409, "You own a bucket of that name already."],
  BucketNotEmpty: [409, "The bucket is not empty."],
  EntityTooLarge: [400, "That is too large: one upload has 5 GiB at most, an object in parts 5 TiB."],
  EntityTooSmall: [400, "A part has 5 MiB at least, unless it is the last."],
  IncompleteBody: [400, "The body has not as many bytes as it said."],
  InsufficientStorage: [507, "The disk is full. Nothing was stored."],
  InternalError: [500, "Something went wrong on our side. Try again."],
  InvalidAccessKeyId: [403, "There is no such access key. It may have been revoked."],
  InvalidArgument: [400, "An argument is not valid."],
  InvalidBucketName: [400, "A bucket's name has 3 to 63 lower-case letters, digits, dots and hyphens."],
  InvalidDigest: [400, "Content-MD5 or a checksum is not one."],
  InvalidPart: [400, "A part that is named was not uploaded, or has another ETag."],
  InvalidPartOrder: [400, "Name the parts in ascending order."],
  InvalidRange: [416, "The object has no bytes in that range."],
  InvalidRequest: [400, "The request is not valid."],
  InvalidURI: [400, "The address can't be read."],
  KeyTooLongError: [400, "A key has 1,024 bytes at most."],
  MalformedXML: [400, "The body is not the XML that is wanted here."],
  MetadataTooLarge: [400, "User metadata has 2 KB at most."],
  MethodNotAllowed: [405, "That method is not for this."],
  MissingContentLength: [411, "Say how long the body is: send content-length."],
  NoSuchBucket: [404, "There is no such bucket."],
  NoSuchKey: [404, "There is no such key."],
  NoSuchUpload: [404, "There is no such upload: it was completed, ended, or never begun."],
  NoSuchVersion: [404, "There is no such version: versioning is off."],
  NotImplemented: [501, "This part of S3 is not there (yet)."],
  PreconditionFailed: [412, "A condition of the request does not hold."],
  QuotaExceeded: [
    403,
    "The organization's buckets take all the space that its plan gives them. Delete what is no longer needed.",
  ],
  RequestTimeTooSkewed: [403, "The request's time and ours differ by more than 15 minutes. Set your clock."],
  SignatureDoesNotMatch: [
    403,
    "The signature is not the one that your secret makes. Check the secret and how you sign.",
  ],
  TooManyBuckets: [400, "An organization has 100 buckets at most."],
  XAmzContentSHA256Mismatch: [400, "The body's SHA-256 is not the one that was signed."],
} as const satisfies Record<string, readonly [number, string]>;

export type S3Code = keyof typeof codes;

/** A refusal in S3's words. */
export class S3Error extends Error {
  readonly code: S3Code;
  readonly status: number;

  constructor(code: S3Code, message?: string) {
    const [status, usual] = codes[code];
    super(message ?? usual);
    this.code = code;
    this.status = status;
  }
}

/** What S3 calls each refusal of the engine. */
export const codeOfRefusal: Record<RefusalReason, S3Code> = {
  no_such_bucket: "NoSuchBucket",
  bucket_exists: "BucketAlreadyOwnedByYou",
  bucket_not_empty: "BucketNotEmpty",
  too_many_buckets: "TooManyBuckets",
  no_such_key: "NoSuchKey",
  no_such_upload: "NoSuchUpload",
  invalid_key: "InvalidArgument",
  key_too_long: "KeyTooLongError",
  metadata_too_large: "MetadataTooLarge",
  too_large: "EntityTooLarge",
  part_too_small: "EntityTooSmall",
  invalid_part: "InvalidPart",
  invalid_part_order: "InvalidPartOrder",
  incomplete_body: "IncompleteBody",
  wrong_md5: "BadDigest",
  wrong_sha256: "XAmzContentSHA256Mismatch",
  wrong_checksum: "BadDigest",
  invalid_range: "InvalidRange",
  precondition_failed: "PreconditionFailed",
  no_space: "QuotaExceeded",
  disk_full: "InsufficientStorage",
};
