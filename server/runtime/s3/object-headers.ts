import type { ServerResponse } from "node:http";
import type { ContentHeaders, ObjectDescription, ObjectHead } from "#server/storage/objects/object-head.ts";
import type { Checksum } from "#server/storage/objects/checksum.ts";
import { checksumHeader } from "./incoming-body.ts";
import { S3Error } from "./s3-error.ts";
import { headerOf, queryOf, type S3Request } from "./s3-request.ts";

const META = "x-amz-meta-";

const names = {
  contentType: "content-type",
  cacheControl: "cache-control",
  contentDisposition: "content-disposition",
  contentEncoding: "content-encoding",
  contentLanguage: "content-language",
  expires: "expires",
} as const satisfies Record<keyof ContentHeaders, string>;

function isContentHeader(name: string): name is keyof ContentHeaders {
  return name in names;
}

/** What a writer says of an object. */
export function describedBy(request: S3Request): ObjectDescription {
  const headers: ContentHeaders = {};
  for (const [name, header] of Object.entries(names)) {
    const value = headerOf(request, header);
    if (isContentHeader(name) && value !== undefined) headers[name] = value;
  }
  const encodings = headers.contentEncoding?.split(",").map((each) => each.trim());
  const encoding = encodings?.filter((each) => each !== "aws-chunked" && each !== "").join(",");
  if (encoding) headers.contentEncoding = encoding;
  else delete headers.contentEncoding;
  const metas = Object.keys(request.req.headers).filter((name) => name.startsWith(META));
  const userMetadata = Object.fromEntries(
    metas.map((name) => [name.slice(META.length), headerOf(request, name) ?? ""] as const),
  );
  return { headers, userMetadata };
}

/** Headers by which a writer asks for what isn't here. Whoever wants encryption or a lock must not think that he has it. */
const unsupported: readonly RegExp[] = [
  /^x-amz-(copy-source-)?server-side-encryption/,
  /^x-amz-object-lock-/,
  /^x-amz-(tagging|website-redirect-location|write-offset-bytes)$/,
  /^x-amz-grant-/,
];

export function refuseUnsupported({ req }: S3Request): void {
  const asked = Object.keys(req.headers).find((name) => unsupported.some((pattern) => pattern.test(name)));
  if (asked !== undefined) throw new S3Error("NotImplemented", `${asked} is not there (yet).`);
  const acl = req.headers["x-amz-acl"] ?? "private";
  if (acl !== "private" && acl !== "bucket-owner-full-control")
    throw new S3Error("NotImplemented", "Objects are private: there are no other ACLs (yet).");
  const storageClass = req.headers["x-amz-storage-class"] ?? "STANDARD";
  if (storageClass !== "STANDARD") throw new S3Error("NotImplemented", "STANDARD is the only storage class.");
}

/** What may stand in a header. */
const headerText = /^[\t\x20-\x7e\x80-\xff]*$/;

/** A header as a request with `response-content-type=…` in its query wants it instead. */
function overridden(request: S3Request, header: string): string | undefined {
  const value = queryOf(request, `response-${header}`);
  if (value !== undefined && !headerText.test(value))
    throw new S3Error("InvalidArgument", `response-${header} is no header.`);
  return value;
}

/** Sets all that is said of an object beside its bytes. */
export function setObjectHeaders(request: S3Request, res: ServerResponse, head: ObjectHead): void {
  setIdentity(res, head);
  res.setHeader("accept-ranges", "bytes");
  res.setHeader("content-type", "binary/octet-stream");
  for (const [name, header] of Object.entries(names)) {
    const value = overridden(request, header) ?? (isContentHeader(name) ? head.headers[name] : undefined);
    if (value !== undefined) res.setHeader(header, value);
  }
  for (const [name, value] of Object.entries(head.userMetadata)) res.setHeader(`${META}${name}`, value);
  // Anybody's page under this host name, with or without a port of its own: it runs no script, and reads nobody's cookies.
  res.setHeader(
    "content-security-policy",
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; media-src 'self'",
  );
  res.setHeader("x-content-type-options", "nosniff");
}

/** What also goes with an answer that says that nothing changed. */
export function setIdentity(res: ServerResponse, { etag, uploadedAt }: Pick<ObjectHead, "etag" | "uploadedAt">): void {
  res.setHeader("etag", quoted(etag));
  res.setHeader("last-modified", uploadedAt.toUTCString());
}

export function setChecksum(res: ServerResponse, checksum: Checksum | null): void {
  if (!checksum) return;
  res.setHeader(checksumHeader(checksum.algorithm), checksum.value);
  res.setHeader("x-amz-checksum-type", checksum.type);
}

export function quoted(etag: string): string {
  return `"${etag}"`;
}

export function unquoted(etag: string): string {
  return etag.trim().replace(/^"(.*)"$/, "$1");
}
