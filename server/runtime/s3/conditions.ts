import type { ObjectHead } from "#server/storage/objects/object-head.ts";
import type { WriteCondition } from "#server/storage/objects/put-object.ts";
import type { ByteRange } from "#server/storage/objects/read-object.ts";
import { unquoted } from "./object-headers.ts";
import { S3Error } from "./s3-error.ts";
import { headerOf, type S3Request } from "./s3-request.ts";

type Named = Pick<ObjectHead, "etag" | "uploadedAt">;

/** What the reader's conditions make of an object: those on ETags count before those on times, as HTTP has it. */
export function readVerdict(request: S3Request, head: Named, prefix = ""): "send" | "not_modified" | "failed" {
  const header = (name: string) => headerOf(request, `${prefix}${name}`);
  const secondMs = Math.floor(head.uploadedAt.getTime() / 1000) * 1000;
  const ifMatch = header("if-match");
  const unmodifiedSince = timeOf(header("if-unmodified-since"));
  if (ifMatch !== undefined && !isNamed(ifMatch, head)) return "failed";
  if (ifMatch === undefined && unmodifiedSince !== undefined && secondMs > unmodifiedSince) return "failed";
  const ifNoneMatch = header("if-none-match");
  const modifiedSince = timeOf(header("if-modified-since"));
  if (ifNoneMatch !== undefined) return isNamed(ifNoneMatch, head) ? "not_modified" : "send";
  return modifiedSince !== undefined && secondMs <= modifiedSince ? "not_modified" : "send";
}

function isNamed(list: string, { etag }: Named): boolean {
  return list.split(",").some((each) => each.trim() === "*" || unquoted(each.trim().replace(/^W\//, "")) === etag);
}

/** A time that can't be read is no condition, as HTTP has it. */
function timeOf(text: string | undefined): number | undefined {
  const ms = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
}

/** The conditions of a write that S3 knows: only what is new, or only in the place of what was seen. */
export function writeCondition(request: S3Request): WriteCondition {
  const ifMatch = headerOf(request, "if-match");
  const ifNoneMatch = headerOf(request, "if-none-match");
  if (ifNoneMatch !== undefined && ifNoneMatch !== "*")
    throw new S3Error("NotImplemented", "For a write, if-none-match is * only.");
  return {
    ...(ifMatch === undefined ? {} : { ifMatch: unquoted(ifMatch) }),
    ...(ifNoneMatch === undefined ? {} : { ifNoneMatch: "*" }),
  };
}

/**
 * The range that a reader wants, null for everything: one that can't be read, or several at once, count as none. Throws `InvalidRange`
 * for one that lies behind the end.
 */
export function wantedRange(text: string | undefined, sizeBytes: number): ByteRange | null {
  const [, first = "", last = ""] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(text?.trim() ?? "") ?? [];
  if (first === "" && last === "") return null;
  if (first === "") return lastBytes(Number(last), sizeBytes);
  const start = Number(first);
  const end = last === "" ? sizeBytes - 1 : Number(last);
  if (last !== "" && end < start) return null;
  if (start >= sizeBytes) throw new S3Error("InvalidRange");
  return { start, end: Math.min(end, sizeBytes - 1) };
}

function lastBytes(count: number, sizeBytes: number): ByteRange {
  if (count === 0 || sizeBytes === 0) throw new S3Error("InvalidRange");
  return { start: Math.max(0, sizeBytes - count), end: sizeBytes - 1 };
}
