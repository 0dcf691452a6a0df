import type { Grant } from "#server/storage/objects/access-keys.ts";
import { MINUTE_MS } from "#server/std/clock.ts";
import type { ChunkSigning } from "./aws-chunked.ts";
import { S3Error } from "./s3-error.ts";
import { headerOf, queryOf, type S3Request } from "./s3-request.ts";
import {
  canonicalRequest,
  isSameSignature,
  scopeText,
  signatureOf,
  signingKey,
  stringToSign,
  type Scope,
} from "./signature.ts";

const SKEW_MS_MAX = 15 * MINUTE_MS;
const EXPIRES_SECONDS_MAX = 7 * 24 * 3600;

/** What the signature says of the body. */
export type Payload =
  | { kind: "unsigned" }
  | { kind: "sha256"; hex: string }
  | { kind: "chunks"; hasTrailer: boolean; signing: ChunkSigning | null };

export type Authenticated = { grant: Grant; payload: Payload };

export type AuthenticateParts = {
  findKey(accessKeyId: string): Promise<(Grant & { secret: string }) | null>;
  nowMs(): number;
};

/** What a request says of who signed it, by header or in its query. */
type Claim = {
  accessKeyId: string;
  scope: Scope;
  /** "20261124T120000Z" */
  dateTime: string;
  signedHeaders: string[];
  signature: string;
  payload: string;
};

/** Whose request it is, or an S3 error. There is no anonymous access. */
export async function authenticate(parts: AuthenticateParts, request: S3Request): Promise<Authenticated> {
  const nowMs = parts.nowMs();
  const claim =
    queryOf(request, "X-Amz-Algorithm") === undefined ? headerClaim(request, nowMs) : queryClaim(request, nowMs);
  refuseUnsignedHeaders(request, claim.signedHeaders);
  const known = await parts.findKey(claim.accessKeyId);
  if (!known) throw new S3Error("InvalidAccessKeyId");
  const { secret, ...grant } = known;
  const key = signingKey(secret, claim.scope);
  const wanted = signatureOf(key, stringToSign(canonicalRequest(request, claim), claim));
  if (!isSameSignature(claim.signature, wanted)) throw new S3Error("SignatureDoesNotMatch");
  const { dateTime, scope, signature } = claim;
  const signing = { key, dateTime, scope: scopeText(scope), seed: signature };
  return { grant, payload: payloadOf(claim.payload, signing) };
}

function headerClaim(request: S3Request, nowMs: number): Claim {
  const header = headerOf(request, "authorization");
  if (queryOf(request, "AWSAccessKeyId") !== undefined)
    throw new S3Error(
      "AccessDenied",
      "Signature Version 2 is not known here. Set the client's signature_version to s3v4.",
    );
  if (header === undefined) throw new S3Error("AccessDenied", "Sign the request with an access key.");
  const code = "AuthorizationHeaderMalformed";
  const [algorithm, rest = ""] = header.split(/ (.*)/s, 2);
  if (algorithm !== "AWS4-HMAC-SHA256")
    throw new S3Error(code, "Only AWS4-HMAC-SHA256 (Signature Version 4) is known here.");
  const fields = new Map(rest.split(",").map((field) => field.trim().split(/=(.*)/s, 2) as [string, string]));
  const dateTime = headerOf(request, "x-amz-date") ?? "";
  const timeMs = timeOf(dateTime, code);
  if (Math.abs(nowMs - timeMs) > SKEW_MS_MAX) throw new S3Error("RequestTimeTooSkewed");
  const payload = headerOf(request, "x-amz-content-sha256");
  if (payload === undefined) throw new S3Error("InvalidRequest", "Send x-amz-content-sha256.");
  return {
    ...credentialOf(fields.get("Credential"), dateTime, code),
    dateTime,
    signedHeaders: signedHeadersOf(fields.get("SignedHeaders"), code),
    signature: fields.get("Signature") ?? "",
    payload,
  };
}

function queryClaim(request: S3Request, nowMs: number): Claim {
  const code = "AuthorizationQueryParametersError";
  const field = (name: string) => queryOf(request, `X-Amz-${name}`);
  if (field("Algorithm") !== "AWS4-HMAC-SHA256") throw new S3Error(code, "Only AWS4-HMAC-SHA256 is known here.");
  const dateTime = field("Date") ?? "";
  const timeMs = timeOf(dateTime, code);
  const expires = field("Expires") ?? "";
  const seconds = /^\d{1,7}$/.test(expires) ? Number(expires) : 0;
  if (seconds < 1 || seconds > EXPIRES_SECONDS_MAX)
    throw new S3Error(code, `X-Amz-Expires is a number of seconds from 1 to ${EXPIRES_SECONDS_MAX}.`);
  if (timeMs - nowMs > SKEW_MS_MAX) throw new S3Error("RequestTimeTooSkewed");
  if (nowMs > timeMs + seconds * 1000) throw new S3Error("AccessDenied", "Request has expired");
  return {
    ...credentialOf(field("Credential"), dateTime, code),
    dateTime,
    signedHeaders: signedHeadersOf(field("SignedHeaders"), code),
    signature: field("Signature") ?? "",
    payload: headerOf(request, "x-amz-content-sha256") ?? field("Content-Sha256") ?? "UNSIGNED-PAYLOAD",
  };
}

type Malformed = "AuthorizationHeaderMalformed" | "AuthorizationQueryParametersError";

function timeOf(dateTime: string, code: Malformed): number {
  const [, ...parts] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(dateTime) ?? [];
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts.map(Number);
  if (parts.length === 0) throw new S3Error(code, "Send the time of signing as 20261124T120000Z.");
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

function credentialOf(
  text: string | undefined,
  dateTime: string,
  code: Malformed,
): Pick<Claim, "accessKeyId" | "scope"> {
  const [accessKeyId = "", day = "", region = "", service, end, ...more] = (text ?? "").split("/");
  if (accessKeyId === "" || service !== "s3" || end !== "aws4_request" || more.length > 0)
    throw new S3Error(code, "The credential is KEY/DAY/REGION/s3/aws4_request.");
  if (!dateTime.startsWith(`${day}T`)) throw new S3Error(code, "The credential's day is not that of the request.");
  return { accessKeyId, scope: { day, region } };
}

function signedHeadersOf(text: string | undefined, code: Malformed): string[] {
  const names = (text ?? "").split(";");
  if (!names.includes("host")) throw new S3Error(code, "The host header has to be signed.");
  return names;
}

/** Whoever passes a request on could add what was not signed: what S3 obeys has to be. */
function refuseUnsignedHeaders({ req }: S3Request, signedHeaders: readonly string[]): void {
  const unsigned = Object.keys(req.headers).find(
    (name) => name.startsWith("x-amz-") && name !== "x-amz-content-sha256" && !signedHeaders.includes(name),
  );
  if (unsigned !== undefined) throw new S3Error("AccessDenied", `The header ${unsigned} was not signed.`);
}

function payloadOf(word: string, signing: ChunkSigning): Payload {
  switch (word) {
    case "UNSIGNED-PAYLOAD":
      return { kind: "unsigned" };
    case "STREAMING-UNSIGNED-PAYLOAD-TRAILER":
      return { kind: "chunks", hasTrailer: true, signing: null };
    case "STREAMING-AWS4-HMAC-SHA256-PAYLOAD":
      return { kind: "chunks", hasTrailer: false, signing };
    case "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER":
      return { kind: "chunks", hasTrailer: true, signing };
    default:
      if (/^[0-9a-f]{64}$/.test(word)) return { kind: "sha256", hex: word };
      throw new S3Error("InvalidRequest", "x-amz-content-sha256 is a SHA-256 in hex, or a word that S3 knows.");
  }
}
