import {
  canBe,
  checksumAlgorithms,
  isChecksumAlgorithm,
  typeOf,
  type Checksum,
} from "#server/storage/objects/checksum.ts";
import { completeUpload as complete, type NamedPart } from "#server/storage/objects/complete-upload.ts";
import { listParts as partsOf, listUploads as uploadsOf } from "#server/storage/objects/list-uploads.ts";
import {
  abortUpload as abort,
  createUpload as create,
  PARTS_MAX,
  putPart,
  type UploadChecksum,
} from "#server/storage/objects/multipart.ts";
import { bodyOf, sendXml, xmlBodyOf, type BucketCall, type ObjectCall } from "./call.ts";
import { writeCondition } from "./conditions.ts";
import { checksumElements } from "./copy-operations.ts";
import { checksumHeader, UPLOAD_BYTES_MAX } from "./incoming-body.ts";
import { writerOfNames } from "./list-operations.ts";
import { describedBy, quoted, refuseUnsupported, setChecksum, unquoted } from "./object-headers.ts";
import { S3Error } from "./s3-error.ts";
import { headerOf, numberOf, queryOf, type S3Request } from "./s3-request.ts";
import { encodePath } from "./signature.ts";
import { uploadOf } from "./upload-address.ts";
import { childrenOf, readXml, textOf, type XmlElement } from "./xml-reader.ts";
import type { Xml } from "./xml-writer.ts";

const PAGE_MAX = 1_000;

export async function createUpload(call: ObjectCall): Promise<void> {
  const { request, res, store, object, bucket } = call;
  refuseUnsupported(request);
  const checksum = wantedChecksum(request);
  const { uploadId } = await create(store, { ...object, ...describedBy(request), checksum });
  if (checksum) {
    res.setHeader("x-amz-checksum-algorithm", checksum.algorithm);
    res.setHeader("x-amz-checksum-type", checksum.type);
  }
  sendXml(call, [
    "InitiateMultipartUploadResult",
    [
      ["Bucket", bucket.name],
      ["Key", object.key],
      ["UploadId", uploadId],
    ],
  ]);
}

function wantedChecksum(request: S3Request): UploadChecksum | null {
  const algorithm = headerOf(request, "x-amz-checksum-algorithm")?.toUpperCase();
  if (algorithm === undefined) return null;
  if (!isChecksumAlgorithm(algorithm))
    throw new S3Error("InvalidRequest", `The algorithms are ${checksumAlgorithms.join(", ")}.`);
  const type = headerOf(request, "x-amz-checksum-type")?.toUpperCase() ?? typeOf(algorithm);
  if ((type !== "COMPOSITE" && type !== "FULL_OBJECT") || !canBe(algorithm, type))
    throw new S3Error("InvalidRequest", `A checksum by ${algorithm} can't be of the type ${type}.`);
  return { algorithm, type };
}

export async function uploadPart(call: ObjectCall): Promise<void> {
  const { request, res, store } = call;
  refuseUnsupported(request);
  const { etag, checksum } = await putPart(store, uploadOf(call), bodyOf(call, UPLOAD_BYTES_MAX));
  res.setHeader("etag", quoted(etag));
  if (checksum) res.setHeader(checksumHeader(checksum.algorithm), checksum.value);
  res.end();
}

export async function completeUpload(call: ObjectCall): Promise<void> {
  const { request, res, store, object, bucket } = call;
  const root = readXml(await xmlBodyOf(call), "CompleteMultipartUpload");
  const parts = childrenOf(root, "Part").map(namedPart);
  if (parts.length === 0 || parts.length > PARTS_MAX) throw new S3Error("MalformedXML", "Name the parts.");
  const algorithm = checksumAlgorithms.find((each) => headerOf(request, checksumHeader(each)) !== undefined);
  const facts = await complete(store, {
    ...object,
    uploadId: queryOf(request, "uploadId") ?? "",
    parts,
    checksum: algorithm ? (headerOf(request, checksumHeader(algorithm)) ?? null) : null,
    condition: writeCondition(request),
  });
  setChecksum(res, facts.checksum);
  sendXml(call, [
    "CompleteMultipartUploadResult",
    [
      ["Location", `http://${request.req.headers.host}/${bucket.name}/${encodePath(object.key)}`],
      ["Bucket", bucket.name],
      ["Key", object.key],
      ["ETag", quoted(facts.etag)],
      ...checksumElements(facts.checksum),
    ],
  ]);
}

function namedPart(element: XmlElement): NamedPart {
  const number = textOf(element, "PartNumber")?.trim() ?? "";
  const etag = textOf(element, "ETag");
  if (!/^\d{1,5}$/.test(number) || etag === undefined) throw new S3Error("MalformedXML");
  const checksums = checksumAlgorithms.flatMap((algorithm) => textOf(element, `Checksum${algorithm}`) ?? []);
  return { number: Number(number), etag: unquoted(etag), checksum: checksums[0]?.trim() ?? null };
}

export async function abortUpload({ request, res, store, object }: ObjectCall): Promise<void> {
  await abort(store, { ...object, uploadId: queryOf(request, "uploadId") ?? "" });
  res.statusCode = 204;
  res.end();
}

export async function listParts(call: ObjectCall): Promise<void> {
  const { request, store, object, bucket } = call;
  const uploadId = queryOf(request, "uploadId") ?? "";
  const max = numberOf(request, "max-parts", { min: 1, max: PAGE_MAX, usual: PAGE_MAX });
  const after = numberOf(request, "part-number-marker", { min: 0, max: PARTS_MAX, usual: 0 });
  const { upload, parts, hasMore } = await partsOf(store, { ...object, uploadId }, { after, max });
  sendXml(call, [
    "ListPartsResult",
    [
      ["Bucket", bucket.name],
      ["Key", object.key],
      ["UploadId", uploadId],
      ["PartNumberMarker", after],
      ["NextPartNumberMarker", parts.at(-1)?.number ?? after],
      ["MaxParts", max],
      ["IsTruncated", hasMore],
      ["StorageClass", "STANDARD"],
      ["ChecksumAlgorithm", upload.checksum?.algorithm],
      ["ChecksumType", upload.checksum?.type],
      ...parts.map(({ number, etag, sizeBytes, uploadedAt, checksum }): Xml => [
        "Part",
        [
          ["PartNumber", number],
          ["LastModified", uploadedAt.toISOString()],
          ["ETag", quoted(etag)],
          ["Size", sizeBytes],
          ...partChecksum(checksum),
        ],
      ]),
    ],
  ]);
}

function partChecksum(checksum: Checksum | null): Xml[] {
  return checksum ? [[`Checksum${checksum.algorithm}`, checksum.value]] : [];
}

export async function listUploads(call: BucketCall): Promise<void> {
  const { request, store, address, bucket } = call;
  if ((queryOf(request, "delimiter") ?? "") !== "")
    throw new S3Error("NotImplemented", "Uploads are listed without a delimiter (yet).");
  const { write, encodingType } = writerOfNames(request);
  const prefix = queryOf(request, "prefix") ?? "";
  const keyMarker = queryOf(request, "key-marker") ?? "";
  // Without an upload's id the list goes on behind all uploads of that key; ids are lower than "~".
  const uploadId = queryOf(request, "upload-id-marker") || "~";
  const max = numberOf(request, "max-uploads", { min: 1, max: PAGE_MAX, usual: PAGE_MAX });
  const after = keyMarker === "" ? null : { key: keyMarker, uploadId };
  const { uploads, hasMore } = await uploadsOf(store, address, { prefix, after, max });
  const last = hasMore ? uploads.at(-1) : undefined;
  sendXml(call, [
    "ListMultipartUploadsResult",
    [
      ["Bucket", bucket.name],
      ["KeyMarker", write(keyMarker)],
      ["UploadIdMarker", queryOf(request, "upload-id-marker") ?? ""],
      ["NextKeyMarker", last && write(last.key)],
      ["NextUploadIdMarker", last?.uploadId],
      ["Prefix", write(prefix)],
      ["EncodingType", encodingType],
      ["MaxUploads", max],
      ["IsTruncated", hasMore],
      ...uploads.map((upload): Xml => [
        "Upload",
        [
          ["Key", write(upload.key)],
          ["UploadId", upload.uploadId],
          ["StorageClass", "STANDARD"],
          ["Initiated", upload.startedAt.toISOString()],
        ],
      ]),
    ],
  ]);
}
