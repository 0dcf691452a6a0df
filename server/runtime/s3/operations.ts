import {
  createBucket,
  deleteBucket,
  getBucketLocation,
  getBucketVersioning,
  headBucket,
  listAllBuckets,
} from "./bucket-operations.ts";
import type { BucketCall, Call, ObjectCall } from "./call.ts";
import { copyOneObject, uploadPartCopy } from "./copy-operations.ts";
import { deleteManyObjects } from "./delete-many.ts";
import { listObjectsV1, listObjectsV2 } from "./list-operations.ts";
import { deleteOneObject, getObject, headOneObject, putOneObject } from "./object-operations.ts";
import { S3Error } from "./s3-error.ts";
import { headerOf, queryOf, type S3Request } from "./s3-request.ts";
import { abortUpload, completeUpload, createUpload, listParts, listUploads, uploadPart } from "./upload-operations.ts";

/** What an operation is done to decides how its key is checked; `needs` is what the key must allow. */
export type Operation =
  | { on: "account"; needs: "read" | "write"; run(call: Call): Promise<void> }
  | { on: "bucket"; needs: "read" | "write"; run(call: BucketCall): Promise<void> }
  | { on: "object"; needs: "read" | "write"; run(call: ObjectCall): Promise<void> };

/** Everything that the door does, by S3's own names. */
export const operations = {
  ListBuckets: { on: "account", needs: "read", run: listAllBuckets },
  CreateBucket: { on: "account", needs: "write", run: createBucket },
  HeadBucket: { on: "bucket", needs: "read", run: headBucket },
  DeleteBucket: { on: "bucket", needs: "write", run: deleteBucket },
  GetBucketLocation: { on: "bucket", needs: "read", run: getBucketLocation },
  GetBucketVersioning: { on: "bucket", needs: "read", run: getBucketVersioning },
  ListObjects: { on: "bucket", needs: "read", run: listObjectsV1 },
  ListObjectsV2: { on: "bucket", needs: "read", run: listObjectsV2 },
  ListMultipartUploads: { on: "bucket", needs: "read", run: listUploads },
  DeleteObjects: { on: "bucket", needs: "write", run: deleteManyObjects },
  GetObject: { on: "object", needs: "read", run: getObject },
  HeadObject: { on: "object", needs: "read", run: headOneObject },
  PutObject: { on: "object", needs: "write", run: putOneObject },
  CopyObject: { on: "object", needs: "write", run: copyOneObject },
  DeleteObject: { on: "object", needs: "write", run: deleteOneObject },
  CreateMultipartUpload: { on: "object", needs: "write", run: createUpload },
  UploadPart: { on: "object", needs: "write", run: uploadPart },
  UploadPartCopy: { on: "object", needs: "write", run: uploadPartCopy },
  ListParts: { on: "object", needs: "read", run: listParts },
  CompleteMultipartUpload: { on: "object", needs: "write", run: completeUpload },
  AbortMultipartUpload: { on: "object", needs: "write", run: abortUpload },
} as const satisfies Record<string, Operation>;

export type OperationName = keyof typeof operations;

/** Words in the query that make a request about something else than the bucket or the object itself. */
const subresources = new Set(
  `abac accelerate acl analytics attributes cors delete encryption intelligent-tiering inventory legal-hold lifecycle location logging
  metadataConfiguration metadataTable metrics notification object-lock ownershipControls policy policyStatus publicAccessBlock renameObject
  replication requestPayment restore retention select session tagging torrent uploadId uploads versioning versions website`.split(
    /\s+/,
  ),
);

/** Which operation a request asks for. Throws `NotImplemented` for those of S3 that are not here, and `MethodNotAllowed`. */
export function operationOf(request: S3Request): OperationName {
  const subresource = request.query.find(([name]) => subresources.has(name))?.[0] ?? "";
  const what = request.bucket === null ? "account" : request.key === null ? "bucket" : "object";
  const isCopy = headerOf(request, "x-amz-copy-source") !== undefined;
  const words = [request.method, what, subresource, isCopy ? "copy" : ""];
  const found = routes[words.filter((word) => word !== "").join(" ")];
  if (!found) throw new S3Error(subresource === "" && !isCopy ? "MethodNotAllowed" : "NotImplemented");
  if (found === "ListObjects" && queryOf(request, "list-type") === "2") return "ListObjectsV2";
  return found;
}

const routes: Record<string, OperationName> = {
  "GET account": "ListBuckets",
  "PUT bucket": "CreateBucket",
  "HEAD bucket": "HeadBucket",
  "DELETE bucket": "DeleteBucket",
  "GET bucket": "ListObjects",
  "GET bucket location": "GetBucketLocation",
  "GET bucket versioning": "GetBucketVersioning",
  "GET bucket uploads": "ListMultipartUploads",
  "POST bucket delete": "DeleteObjects",
  "GET object": "GetObject",
  "HEAD object": "HeadObject",
  "PUT object": "PutObject",
  "PUT object copy": "CopyObject",
  "DELETE object": "DeleteObject",
  "POST object uploads": "CreateMultipartUpload",
  "PUT object uploadId": "UploadPart",
  "PUT object uploadId copy": "UploadPartCopy",
  "GET object uploadId": "ListParts",
  "POST object uploadId": "CompleteMultipartUpload",
  "DELETE object uploadId": "AbortMultipartUpload",
};
