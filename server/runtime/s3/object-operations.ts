import { pipeline } from "node:stream/promises";
import { deleteObjects } from "#server/storage/objects/delete-objects.ts";
import type { ObjectHead } from "#server/storage/objects/object-head.ts";
import { putObject } from "#server/storage/objects/put-object.ts";
import { headObject, openObject, segmentsOf, type ByteRange } from "#server/storage/objects/read-object.ts";
import { bodyOf, type ObjectCall } from "./call.ts";
import { readVerdict, wantedRange, writeCondition } from "./conditions.ts";
import { UPLOAD_BYTES_MAX } from "./incoming-body.ts";
import {
  describedBy,
  quoted,
  refuseUnsupported,
  setChecksum,
  setIdentity,
  setObjectHeaders,
} from "./object-headers.ts";
import { S3Error } from "./s3-error.ts";
import { headerOf, numberOf, queryOf, type S3Request } from "./s3-request.ts";

export async function putOneObject(call: ObjectCall): Promise<void> {
  const { request, res, store, object } = call;
  refuseUnsupported(request);
  const condition = writeCondition(request);
  const body = bodyOf(call, UPLOAD_BYTES_MAX);
  const { etag, checksum } = await putObject(store, { ...object, ...describedBy(request), condition }, body);
  res.setHeader("etag", quoted(etag));
  setChecksum(res, checksum);
  res.end();
}

/** What a read sends: not modified, or which bytes. */
type Chosen = { kind: "not_modified" } | { kind: "send"; range: ByteRange | null; partsCount: number | null };

export async function getObject(call: ObjectCall): Promise<void> {
  const { request, res, store, object } = call;
  refuseVersion(request);
  const partNumber = partNumberOf(request);
  const part = partNumber === null ? null : await choosePart(call, partNumber);
  let chosen: Chosen = { kind: "not_modified" };
  const { head, content } = await openObject(store, object, (seen) => {
    chosen = choose(request, seen, part);
    return chosen.kind === "send" ? chosen.range : null;
  });
  try {
    if (answerHead(call, head, chosen)) await pipeline(content, res);
  } finally {
    content.destroy();
  }
}

export async function headOneObject(call: ObjectCall): Promise<void> {
  const { request, res, store, object } = call;
  refuseVersion(request);
  const partNumber = partNumberOf(request);
  const part = partNumber === null ? null : await choosePart(call, partNumber);
  const head = await headObject(store, object);
  answerHead(call, head, choose(request, head, part));
  res.end();
}

function refuseVersion(request: S3Request): void {
  const versionId = queryOf(request, "versionId") ?? "null";
  if (versionId !== "null" && versionId !== "") throw new S3Error("NoSuchVersion");
}

function partNumberOf(request: S3Request): number | null {
  if (queryOf(request, "partNumber") === undefined) return null;
  if (headerOf(request, "range") !== undefined)
    throw new S3Error("InvalidRequest", "Ask for a range or for a part, not for both.");
  return numberOf(request, "partNumber", { min: 1, max: 10_000, usual: 1 });
}

type Part = { etag: string; range: ByteRange; count: number | null };

/** The bytes of one part of an object: of one that was uploaded at once, all of it is part 1. */
async function choosePart({ store, object }: ObjectCall, partNumber: number): Promise<Part> {
  const head = await headObject(store, object);
  const segments = await segmentsOf(store, object, head);
  const segment = segments[partNumber - 1];
  if (!segment) throw new S3Error("InvalidRange", "The object has no such part.");
  const start = segments.slice(0, partNumber - 1).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  return {
    etag: head.etag,
    range: { start, end: start + segment.sizeBytes - 1 },
    count: head.uploadId === null ? null : segments.length,
  };
}

function choose(request: S3Request, head: ObjectHead, part: Part | null): Chosen {
  const verdict = readVerdict(request, head);
  if (verdict === "failed") throw new S3Error("PreconditionFailed");
  if (verdict === "not_modified") return { kind: "not_modified" };
  if (part && part.etag !== head.etag)
    throw new S3Error("PreconditionFailed", "The object was replaced just now. Ask again.");
  if (part) return { kind: "send", range: head.sizeBytes === 0 ? null : part.range, partsCount: part.count };
  return { kind: "send", range: wantedRange(headerOf(request, "range"), head.sizeBytes), partsCount: null };
}

/** Sets status and headers; whether bytes follow. */
function answerHead({ request, res }: ObjectCall, head: ObjectHead, chosen: Chosen): boolean {
  if (chosen.kind === "not_modified") {
    setIdentity(res, head);
    res.statusCode = 304;
    res.end();
    return false;
  }
  setObjectHeaders(request, res, head);
  const { range, partsCount } = chosen;
  if (partsCount !== null) res.setHeader("x-amz-mp-parts-count", partsCount);
  if (range) {
    res.statusCode = 206;
    res.setHeader("content-range", `bytes ${range.start}-${range.end}/${head.sizeBytes}`);
    res.setHeader("content-length", range.end - range.start + 1);
    return true;
  }
  res.setHeader("content-length", head.sizeBytes);
  if (headerOf(request, "x-amz-checksum-mode")?.toUpperCase() === "ENABLED") setChecksum(res, head.checksum);
  return true;
}

/** One that isn't there is deleted as well, as S3 has it. */
export async function deleteOneObject({ request, res, store, address, object }: ObjectCall): Promise<void> {
  refuseVersion(request);
  if (headerOf(request, "if-match") !== undefined)
    throw new S3Error("NotImplemented", "Conditions of a deletion are not there (yet).");
  await deleteObjects(store, address, [object.key]);
  res.statusCode = 204;
  res.end();
}
