import type { ServerResponse } from "node:http";
import { BodyCheck, type IncomingBytes, type Promised } from "#server/storage/objects/body-check.ts";
import {
  checksumAlgorithms,
  isChecksumAlgorithm,
  isChecksumValue,
  type ChecksumAlgorithm,
} from "#server/storage/objects/checksum.ts";
import type { Payload } from "./authenticate.ts";
import { ChunkedBody } from "./aws-chunked.ts";
import { S3Error } from "./s3-error.ts";
import { headerOf, type S3Request } from "./s3-request.ts";

/** As S3 has it: more comes in parts. */
export const UPLOAD_BYTES_MAX = 5 * 1024 ** 3;

/** A request's body with all that was said of it, to be checked as it is read. Throws when what was said makes no sense. */
export function incomingBody(
  request: S3Request,
  { payload, res, sizeBytesMax }: { payload: Payload; res: ServerResponse; sizeBytesMax: number },
): IncomingBytes {
  const sizeBytes = declaredBytes(request, payload);
  if (sizeBytes > sizeBytesMax) throw new S3Error("EntityTooLarge");
  const said = saidChecksum(request);
  const chunked = payload.kind === "chunks" ? new ChunkedBody(bytesOf(request, res), payload) : null;
  const sha256Hex = payload.kind === "sha256" ? payload.hex : undefined;
  const md5Hex = saidMd5(request);
  return {
    chunks: chunked ? chunked.chunks() : bytesOf(request, res),
    algorithm: said?.algorithm ?? null,
    isSha256Signed: sha256Hex !== undefined,
    sizeBytesMax,
    promised: (): Promised => ({
      sizeBytes,
      md5Hex,
      sha256Hex,
      checksum: said && (said.value ?? trailing(chunked, said)),
    }),
  };
}

/** A small body as a whole, checked as any other. */
export async function readSmallBody(body: IncomingBytes): Promise<string> {
  const check = new BodyCheck(body);
  const chunks: Uint8Array[] = [];
  for await (const chunk of body.chunks) {
    check.update(chunk);
    chunks.push(chunk);
  }
  check.finish();
  return Buffer.concat(chunks).toString("utf8");
}

/** Whoever asked whether to send the body at all hears yes once somebody reads it: a refusal comes before it. */
async function* bytesOf({ req }: S3Request, res: ServerResponse): AsyncGenerator<Uint8Array> {
  if (req.headers.expect !== undefined) res.writeContinue();
  for await (const chunk of req) {
    if (!Buffer.isBuffer(chunk)) throw new Error("a body is bytes");
    yield chunk;
  }
}

function declaredBytes(request: S3Request, payload: Payload): number {
  const name = payload.kind === "chunks" ? "x-amz-decoded-content-length" : "content-length";
  const text = headerOf(request, name);
  // Without a body there is no length either; Node refuses one whose end nothing tells.
  if (text === undefined && payload.kind !== "chunks" && request.req.headers["transfer-encoding"] === undefined)
    return 0;
  if (text === undefined) throw new S3Error("MissingContentLength");
  if (!/^\d{1,15}$/.test(text)) throw new S3Error("InvalidArgument", `${name} is a number.`);
  return Number(text);
}

function saidMd5(request: S3Request): string | undefined {
  const text = headerOf(request, "content-md5");
  if (text === undefined) return undefined;
  const bytes = Buffer.from(text, "base64");
  if (bytes.length !== 16) throw new S3Error("InvalidDigest", "Content-MD5 is 16 bytes in base64.");
  return bytes.toString("hex");
}

/** A checksum that is said in a header, will be in a trailer, or is only asked for. */
type SaidChecksum = { algorithm: ChecksumAlgorithm; value: string | undefined; isTrailing: boolean };

function saidChecksum(request: S3Request): SaidChecksum | undefined {
  const inHeaders = checksumAlgorithms.filter(
    (algorithm) => headerOf(request, checksumHeader(algorithm)) !== undefined,
  );
  if (inHeaders.length > 1) throw new S3Error("InvalidRequest", "Send one checksum.");
  const [algorithm] = inHeaders;
  if (algorithm) return { algorithm, value: checksumValue(request, algorithm), isTrailing: false };
  const trailer = headerOf(request, "x-amz-trailer")?.trim().toLowerCase();
  if (trailer !== undefined) {
    const named = checksumAlgorithms.find((each) => checksumHeader(each) === trailer);
    if (!named) throw new S3Error("InvalidRequest", "The only trailer that is known here is one checksum.");
    return { algorithm: named, value: undefined, isTrailing: true };
  }
  const asked = headerOf(request, "x-amz-sdk-checksum-algorithm")?.toUpperCase();
  return asked !== undefined && isChecksumAlgorithm(asked)
    ? { algorithm: asked, value: undefined, isTrailing: false }
    : undefined;
}

export function checksumHeader(algorithm: ChecksumAlgorithm): string {
  return `x-amz-checksum-${algorithm.toLowerCase()}`;
}

function checksumValue(request: S3Request, algorithm: ChecksumAlgorithm): string {
  const value = headerOf(request, checksumHeader(algorithm)) ?? "";
  if (!isChecksumValue(algorithm, value))
    throw new S3Error("InvalidRequest", `${algorithm} is not in base64, or too short.`);
  return value;
}

function trailing(chunked: ChunkedBody | null, { algorithm, isTrailing }: SaidChecksum): string | undefined {
  if (!isTrailing) return undefined;
  const value = chunked?.trailers.get(checksumHeader(algorithm));
  if (value === undefined) throw new S3Error("IncompleteBody", "The trailer that was announced did not come.");
  return value;
}
