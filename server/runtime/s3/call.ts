import type { ServerResponse } from "node:http";
import type { Grant } from "#server/storage/objects/access-keys.ts";
import type { IncomingBytes } from "#server/storage/objects/body-check.ts";
import { bucketNamed, type BucketRow } from "#server/storage/objects/buckets.ts";
import type { BucketAddress, ObjectAddress } from "#server/storage/objects/object-head.ts";
import type { ObjectStore } from "#server/storage/objects/object-store.ts";
import { refusalReason } from "#server/storage/objects/refusal.ts";
import type { Payload } from "./authenticate.ts";
import { incomingBody, readSmallBody } from "./incoming-body.ts";
import { S3Error } from "./s3-error.ts";
import type { S3Request } from "./s3-request.ts";
import { writeXml, type Xml } from "./xml-writer.ts";

/** A thousand names of a thousand bytes each, or ten thousand parts with a checksum. */
const XML_BYTES_MAX = 4 * 1024 ** 2;

/** A request whose signature holds, on its way through an operation. */
export type Call = {
  request: S3Request;
  res: ServerResponse;
  grant: Grant;
  payload: Payload;
  store: ObjectStore;
};

export type BucketCall = Call & { bucket: BucketRow; address: BucketAddress };
export type ObjectCall = BucketCall & { object: ObjectAddress };

/** A bucket that the key may reach. One that is another organization's is not there, as one that nobody has. */
export async function reachBucket({ store, grant }: Pick<Call, "store" | "grant">, name: string): Promise<BucketRow> {
  const { organizationId, bucketId } = grant;
  try {
    const bucket = await bucketNamed(store.db, { organizationId, name });
    if (bucketId === null || bucketId === bucket.id) return bucket;
  } catch (error) {
    // A key for one bucket learns nothing of which others there are.
    if (refusalReason(error) !== "no_such_bucket" || bucketId === null) throw error;
  }
  throw new S3Error("AccessDenied", "The access key is for another bucket.");
}

export function sendXml({ res }: Pick<Call, "res">, root: Xml): void {
  res.setHeader("content-type", "application/xml");
  res.end(writeXml(root, { hasNamespace: true }));
}

export function bodyOf({ request, payload, res }: Call, sizeBytesMax: number): IncomingBytes {
  return incomingBody(request, { payload, res, sizeBytesMax });
}

/** A body of XML, checked and bounded. */
export async function xmlBodyOf(call: Call): Promise<string> {
  return readSmallBody(bodyOf(call, XML_BYTES_MAX));
}
