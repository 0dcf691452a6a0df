import { createHash } from "node:crypto";
import { IncomingMessage, request } from "node:http";
import { Socket } from "node:net";
import { text } from "node:stream/consumers";
import { readRequest } from "./s3-request.ts";
import { canonicalRequest, signatureOf, signingKey, stringToSign } from "./signature.ts";
import type { TestKey } from "./test-door.ts";

export type RawRequest = {
  method: string;
  path: string;
  headers?: Record<string, string>;
  body?: string | Buffer;
  /** What the signature says of the body; by default its SHA-256. */
  payload?: string;
  /** The time of signing; by default now. */
  atMs?: number;
};

/** A request's headers, signed: for requests that no client makes. The signer is held to Amazon's examples by signature.test.ts. */
export function signedHeaders(key: TestKey, host: string, of: RawRequest): Record<string, string> {
  const payload =
    of.payload ??
    createHash("sha256")
      .update(of.body ?? "")
      .digest("hex");
  const dateTime = new Date(of.atMs ?? Date.now()).toISOString().replaceAll(/[-:]|\.\d+/g, "");
  const scope = { day: dateTime.slice(0, 8), region: "us-east-1" };
  const headers = { host, "x-amz-date": dateTime, "x-amz-content-sha256": payload, ...of.headers };
  const req = new IncomingMessage(new Socket());
  Object.assign(req, { method: of.method, url: of.path });
  for (const [name, value] of Object.entries(headers)) {
    req.rawHeaders.push(name, value);
    req.headers[name] = value;
  }
  const names = Object.keys(headers).toSorted();
  const canonical = canonicalRequest(readRequest(req, { id: "", domain: "localhost" }), {
    signedHeaders: names,
    payload,
  });
  const signature = signatureOf(signingKey(key.secretAccessKey, scope), stringToSign(canonical, { dateTime, scope }));
  const credential = `${key.accessKeyId}/${scope.day}/${scope.region}/s3/aws4_request`;
  const authorization = `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${names.join(";")}, Signature=${signature}`;
  return { ...headers, authorization };
}

export type RawAnswer = { status: number; code: string | null; body: string };

/** Sends a signed request as it is, the path too, which `fetch` would tidy up. */
export async function sendSigned(door: { port: number }, key: TestKey, of: RawRequest): Promise<RawAnswer> {
  return sendRaw(door, of, signedHeaders(key, `127.0.0.1:${door.port}`, of));
}

export async function sendRaw(
  { port }: { port: number },
  { method, path, body }: RawRequest,
  headers: Record<string, string>,
): Promise<RawAnswer> {
  const res = await new Promise<IncomingMessage>((resolve, reject) => {
    const req = request({ host: "127.0.0.1", port, method, path, headers, agent: false }, resolve);
    req.once("error", reject);
    req.end(body);
  });
  const answer = await text(res);
  return { status: res.statusCode ?? 0, code: /<Code>(\w+)<\/Code>/.exec(answer)?.[1] ?? null, body: answer };
}
