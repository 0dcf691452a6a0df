import { bucketName } from "#server/contract/buckets.ts";
import {
  createBucket as makeBucket,
  deleteBucket as removeBucket,
  listBuckets,
} from "#server/storage/objects/buckets.ts";
import { sendXml, xmlBodyOf, type BucketCall, type Call } from "./call.ts";
import { refuseUnsupported } from "./object-headers.ts";
import { S3Error } from "./s3-error.ts";
import { readXml } from "./xml-reader.ts";

export async function listAllBuckets(call: Call): Promise<void> {
  const { organizationId, bucketId } = call.grant;
  const buckets = await listBuckets(call.store.db, organizationId);
  const reached = buckets.filter(({ id }) => bucketId === null || bucketId === id);
  sendXml(call, [
    "ListAllMyBucketsResult",
    [
      ["Owner", [["ID", organizationId]]],
      [
        "Buckets",
        reached.map(
          ({ name, createdAt }) =>
            [
              "Bucket",
              [
                ["Name", name],
                ["CreationDate", createdAt.toISOString()],
              ],
            ] as const,
        ),
      ],
    ],
  ]);
}

/** The region that a body may name is any: there is one. */
export async function createBucket(call: Call): Promise<void> {
  const { request, res, store, grant } = call;
  refuseUnsupported(request);
  const parsed = bucketName.safeParse(request.bucket);
  if (!parsed.success) throw new S3Error("InvalidBucketName", parsed.error.issues[0]?.message);
  const body = await xmlBodyOf(call);
  if (body.trim() !== "") readXml(body, "CreateBucketConfiguration");
  if (request.req.headers["x-amz-bucket-object-lock-enabled"] === "true") throw new S3Error("NotImplemented");
  const { organizationId, accessKeyId } = grant;
  await makeBucket(store.db, { organizationId, name: parsed.data, by: { accessKeyId } });
  res.setHeader("location", `/${parsed.data}`);
  res.end();
}

export async function headBucket({ res }: BucketCall): Promise<void> {
  res.setHeader("x-amz-bucket-region", "us-east-1");
  res.end();
}

export async function deleteBucket({ res, store, grant, address }: BucketCall): Promise<void> {
  await removeBucket(store, { ...address, by: { accessKeyId: grant.accessKeyId } });
  res.statusCode = 204;
  res.end();
}

/** Empty is how S3 says us-east-1. */
export async function getBucketLocation(call: BucketCall): Promise<void> {
  sendXml(call, ["LocationConstraint", ""]);
}

/** Empty is how S3 says that versioning was never on. */
export async function getBucketVersioning(call: BucketCall): Promise<void> {
  sendXml(call, ["VersioningConfiguration", ""]);
}
