import { LIST_MAX, listObjects, type ObjectPage } from "#server/storage/objects/list-objects.ts";
import { sendXml, type BucketCall } from "./call.ts";
import { quoted } from "./object-headers.ts";
import { S3Error } from "./s3-error.ts";
import { numberOf, queryOf, type S3Request } from "./s3-request.ts";
import { encodePath } from "./signature.ts";
import type { Xml } from "./xml-writer.ts";

/** How names are written in an answer: percent-encoded where that is asked for, since XML can't hold every character. */
export function writerOfNames(request: S3Request): {
  write: (text: string) => string;
  encodingType: string | undefined;
} {
  const encodingType = queryOf(request, "encoding-type");
  if (encodingType !== undefined && encodingType !== "url")
    throw new S3Error("InvalidArgument", "encoding-type is url, or left out.");
  return { write: encodingType === "url" ? encodePath : (text) => text, encodingType };
}

async function readPage(call: BucketCall, after: string): Promise<{ page: ObjectPage; max: number; head: Xml[] }> {
  const { request } = call;
  const [prefix, delimiter] = [queryOf(request, "prefix") ?? "", queryOf(request, "delimiter") ?? ""];
  const max = numberOf(request, "max-keys", { min: 0, max: LIST_MAX, usual: LIST_MAX });
  const page =
    max === 0
      ? { objects: [], commonPrefixes: [], next: null }
      : await listObjects(call.store, call.address, { prefix, delimiter, after, max });
  const { write, encodingType } = writerOfNames(request);
  const head: Xml[] = [
    ["Name", call.bucket.name],
    ["Prefix", write(prefix)],
    ["Delimiter", delimiter === "" ? null : write(delimiter)],
    ["MaxKeys", max],
    ["EncodingType", encodingType],
    ["IsTruncated", page.next !== null],
  ];
  return { page, max, head };
}

function entries(call: BucketCall, { objects, commonPrefixes }: ObjectPage, hasOwner: boolean): Xml[] {
  const { write } = writerOfNames(call.request);
  const owner: Xml[] = hasOwner ? [["Owner", [["ID", call.grant.organizationId]]]] : [];
  return [
    ...objects.map(({ key, sizeBytes, etag, uploadedAt }): Xml => [
      "Contents",
      [
        ["Key", write(key)],
        ["LastModified", uploadedAt.toISOString()],
        ["ETag", quoted(etag)],
        ["Size", sizeBytes],
        ...owner,
        ["StorageClass", "STANDARD"],
      ],
    ]),
    ...commonPrefixes.map((prefix): Xml => ["CommonPrefixes", [["Prefix", write(prefix)]]]),
  ];
}

export async function listObjectsV1(call: BucketCall): Promise<void> {
  const marker = queryOf(call.request, "marker") ?? "";
  const { page, head } = await readPage(call, marker);
  const { write } = writerOfNames(call.request);
  sendXml(call, [
    "ListBucketResult",
    [
      ...head,
      ["Marker", write(marker)],
      ["NextMarker", page.next === null ? null : write(page.next)],
      ...entries(call, page, true),
    ],
  ]);
}

export async function listObjectsV2(call: BucketCall): Promise<void> {
  const { request } = call;
  const startAfter = queryOf(request, "start-after");
  const token = queryOf(request, "continuation-token");
  const after = token === undefined ? (startAfter ?? "") : positionOf(token);
  const { page, head } = await readPage(call, after);
  const { write } = writerOfNames(request);
  sendXml(call, [
    "ListBucketResult",
    [
      ...head,
      ["KeyCount", page.objects.length + page.commonPrefixes.length],
      ["StartAfter", startAfter === undefined ? null : write(startAfter)],
      ["ContinuationToken", token],
      ["NextContinuationToken", page.next === null ? null : tokenOf(page.next)],
      ...entries(call, page, queryOf(request, "fetch-owner") === "true"),
    ],
  ]);
}

/** Where a list goes on. Opaque to clients, as S3 has it. */
function tokenOf(position: string): string {
  return Buffer.from(position, "utf8").toString("base64url");
}

function positionOf(token: string): string {
  const bytes = Buffer.from(token, "base64url");
  if (bytes.length === 0 || bytes.toString("base64url") !== token)
    throw new S3Error("InvalidArgument", "The continuation token is none of ours.");
  return bytes.toString("utf8");
}
