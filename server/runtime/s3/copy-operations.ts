import { isChecksumAlgorithm, type Checksum } from "#server/storage/objects/checksum.ts";
import { COPY_BYTES_MAX, copyObject, openCopy } from "#server/storage/objects/copy-object.ts";
import { putPart } from "#server/storage/objects/multipart.ts";
import type { ObjectAddress, ObjectHead } from "#server/storage/objects/object-head.ts";
import type { ByteRange } from "#server/storage/objects/read-object.ts";
import { reachBucket, sendXml, type ObjectCall } from "./call.ts";
import { readVerdict, writeCondition } from "./conditions.ts";
import { describedBy, quoted, refuseUnsupported } from "./object-headers.ts";
import { S3Error } from "./s3-error.ts";
import { headerOf, type S3Request } from "./s3-request.ts";
import { uploadOf } from "./upload-address.ts";
import type { Xml } from "./xml-writer.ts";

/** The source has to be reached by the same key as the copy: reading it is what copying does. */
async function sourceOf(call: ObjectCall): Promise<ObjectAddress> {
  const text = headerOf(call.request, "x-amz-copy-source") ?? "";
  const [path = "", version = ""] = text.split(/\?(.*)/s, 2);
  if (version !== "" && version !== "versionId=null") throw new S3Error("NoSuchVersion");
  const [bucket = "", key = ""] = decodeSource(path)
    .replace(/^\//, "")
    .split(/\/(.*)/s, 2);
  if (bucket === "" || key === "")
    throw new S3Error("InvalidArgument", "x-amz-copy-source is BUCKET/KEY, percent-encoded.");
  const { id: bucketId } = await reachBucket(call, bucket);
  return { organizationId: call.grant.organizationId, bucketId, key };
}

function decodeSource(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw new S3Error("InvalidArgument", "x-amz-copy-source is not UTF-8, percent-encoded.");
  }
}

function checkSource(request: S3Request, head: ObjectHead): void {
  if (readVerdict(request, head, "x-amz-copy-source-") !== "send") throw new S3Error("PreconditionFailed");
}

export async function copyOneObject(call: ObjectCall): Promise<void> {
  const { request, store, object: to } = call;
  refuseUnsupported(request);
  const from = await sourceOf(call);
  const directive = headerOf(request, "x-amz-metadata-directive") ?? "COPY";
  if (directive !== "COPY" && directive !== "REPLACE")
    throw new S3Error("InvalidArgument", "x-amz-metadata-directive is COPY or REPLACE.");
  if (directive === "COPY" && from.bucketId === to.bucketId && from.key === to.key)
    throw new S3Error(
      "InvalidRequest",
      "An object can be copied to itself only with x-amz-metadata-directive: REPLACE.",
    );
  const description = directive === "REPLACE" ? describedBy(request) : null;
  const algorithm = headerOf(request, "x-amz-checksum-algorithm")?.toUpperCase() ?? "";
  const facts = await copyObject(
    store,
    {
      from,
      to,
      description,
      algorithm: isChecksumAlgorithm(algorithm) ? algorithm : null,
      condition: writeCondition(request),
    },
    (head) => {
      checkSource(request, head);
      if (head.sizeBytes > COPY_BYTES_MAX)
        throw new S3Error("InvalidRequest", "An object of more than 5 GiB is copied in parts.");
    },
  );
  sendXml(call, ["CopyObjectResult", copied(facts)]);
}

export async function uploadPartCopy(call: ObjectCall): Promise<void> {
  const { request, store } = call;
  refuseUnsupported(request);
  const address = uploadOf(call);
  const source = await openCopy(store, await sourceOf(call), {
    algorithm: null,
    choose: (head) => {
      checkSource(request, head);
      return sourceRange(request, head.sizeBytes);
    },
  });
  try {
    // The part has the upload's checksum, whatever the source had.
    const part = await putPart(store, address, { ...source.body, algorithm: null });
    sendXml(call, ["CopyPartResult", copied(part)]);
  } finally {
    source.close();
  }
}

/** Unlike a reader's range, this one has to be whole and has to fit. */
function sourceRange(request: S3Request, sizeBytes: number): ByteRange | null {
  const text = headerOf(request, "x-amz-copy-source-range");
  if (text === undefined) return null;
  const [, first, last] = /^bytes=(\d{1,15})-(\d{1,15})$/.exec(text) ?? [];
  const [start, end] = [Number(first), Number(last)];
  if (first === undefined || start > end || end >= sizeBytes)
    throw new S3Error("InvalidArgument", "x-amz-copy-source-range is bytes=FIRST-LAST, within the source.");
  return { start, end };
}

function copied({ etag, uploadedAt, checksum }: { etag: string; uploadedAt: Date; checksum: Checksum | null }): Xml[] {
  return [["LastModified", uploadedAt.toISOString()], ["ETag", quoted(etag)], ...checksumElements(checksum)];
}

export function checksumElements(checksum: Checksum | null): Xml[] {
  return checksum
    ? [
        [`Checksum${checksum.algorithm}`, checksum.value],
        ["ChecksumType", checksum.type],
      ]
    : [];
}
