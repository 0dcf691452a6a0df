import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { S3Request } from "./s3-request.ts";

/** AWS Signature Version 4, as far as it is arithmetic: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html */

/** What a signature is made for: a day, a region (any, we have but one) and S3. */
export type Scope = { day: string; region: string };

/** "20261124/us-east-1/s3/aws4_request" */
export function scopeText({ day, region }: Scope): string {
  return `${day}/${region}/s3/aws4_request`;
}

export const EMPTY_SHA256 = createHash("sha256").digest("hex");

export function signingKey(secret: string, { day, region }: Scope): Buffer {
  const step = (key: string | Buffer, text: string): Buffer => createHmac("sha256", key).update(text).digest();
  return step(step(step(step(`AWS4${secret}`, day), region), "s3"), "aws4_request");
}

/** The text whose hash is signed. `payload`: the body's hash in hex, or the word that stands for it. */
export function canonicalRequest(
  request: S3Request,
  { signedHeaders, payload }: { signedHeaders: readonly string[]; payload: string },
): string {
  const headers = signedHeaders.map((name) => `${name}:${canonicalValue(request, name)}\n`);
  return [
    request.method,
    encodePath(request.path),
    canonicalQuery(request),
    headers.join(""),
    signedHeaders.join(";"),
    payload,
  ].join("\n");
}

/** `kind`: "AWS4-HMAC-SHA256". Headers hold bytes, one character each, and the hash is taken of those. */
export function stringToSign(canonical: string, { dateTime, scope }: { dateTime: string; scope: Scope }): string {
  const hash = createHash("sha256").update(Buffer.from(canonical, "latin1")).digest("hex");
  return ["AWS4-HMAC-SHA256", dateTime, scopeText(scope), hash].join("\n");
}

export function signatureOf(key: Buffer, text: string): string {
  return createHmac("sha256", key).update(text).digest("hex");
}

/** In a time that tells nothing of where they differ. */
export function isSameSignature(given: string, wanted: string): boolean {
  const [a, b] = [Buffer.from(given, "latin1"), Buffer.from(wanted, "latin1")];
  return a.length === b.length && timingSafeEqual(a, b);
}

function canonicalValue({ req }: S3Request, name: string): string {
  const values: string[] = [];
  for (let at = 0; at < req.rawHeaders.length; at += 2)
    if (req.rawHeaders[at]?.toLowerCase() === name) values.push(req.rawHeaders[at + 1] ?? "");
  return values.map((value) => value.trim().replace(/ +/g, " ")).join(",");
}

function canonicalQuery({ query }: S3Request): string {
  return query
    .filter(([name]) => name !== "X-Amz-Signature")
    .map(([name, value]) => [encode(name), encode(value)] as const)
    .toSorted(([a, av], [b, bv]) => compare(a, b) || compare(av, bv))
    .map(([name, value]) => `${name}=${value}`)
    .join("&");
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

/** As RFC 3986 has it: all but letters, digits and -._~ */
export function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`);
}

export function encodePath(path: string): string {
  return path.split("/").map(encode).join("/");
}
