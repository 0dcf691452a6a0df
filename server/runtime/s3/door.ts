import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { errnoOf } from "#server/std/fault.ts";
import { newId } from "#server/std/id.ts";
import type { Log } from "#server/std/log.ts";
import type { ObjectStore } from "#server/storage/objects/object-store.ts";
import { refusalReason } from "#server/storage/objects/refusal.ts";
import { authenticate, type AuthenticateParts } from "./authenticate.ts";
import { reachBucket, type Call } from "./call.ts";
import { operationOf, operations, type Operation } from "./operations.ts";
import { codeOfRefusal, S3Error } from "./s3-error.ts";
import { readRequest, type S3Request } from "./s3-request.ts";
import { writeXml } from "./xml-writer.ts";

/** A connection on which nothing moves for as long as this is closed: a slow line moves, one that is gone doesn't. */
const SILENCE_MS_MAX = 120_000;
const HEADERS_MS_MAX = 30_000;
const CONNECTIONS_MAX = 1_000;
/** After a refusal the rest of a body is read for so long, so that the client comes to read the answer. */
const DRAIN_MS_MAX = 2_000;

export type DoorParts = {
  store: ObjectStore;
  findKey: AuthenticateParts["findKey"];
  /** The host name below which each bucket has one. */
  domain: string;
  log: Log;
};

/** The S3 API over HTTP. What it can't do it says in S3's own XML; who asks is known before anything else is. */
export function createDoor(parts: DoorParts): Server {
  const answer = (req: IncomingMessage, res: ServerResponse): void => void handle(parts, req, res);
  const server = createServer({ requestTimeout: 0, headersTimeout: HEADERS_MS_MAX }, answer);
  server.on("checkContinue", answer);
  server.setTimeout(SILENCE_MS_MAX);
  server.maxConnections = CONNECTIONS_MAX;
  return server;
}

async function handle(parts: DoorParts, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const id = newId("request");
  res.setHeader("x-amz-request-id", id);
  res.setHeader("server", "Sluice");
  try {
    await run(parts, readRequest(req, { id, domain: parts.domain }), res);
  } catch (thrown) {
    const error = s3ErrorOf(thrown);
    if (error.code === "InternalError" && !isDeparture(thrown, req))
      parts.log.error({ err: thrown, requestId: id, method: req.method }, "an S3 request failed");
    refuse(req, res, { error, id });
  }
  if (!req.complete) drain(req);
}

async function run(parts: DoorParts, request: S3Request, res: ServerResponse): Promise<void> {
  const { store, findKey } = parts;
  const authenticated = await authenticate({ findKey, nowMs: () => store.clock.nowMs() }, request);
  const operation: Operation = operations[operationOf(request)];
  const call: Call = { request, res, store, ...authenticated };
  if (operation.needs === "write" && call.grant.access !== "write")
    throw new S3Error("AccessDenied", "The access key is for reading only.");
  if (operation.on === "account") {
    if (operation.needs === "write" && call.grant.bucketId !== null)
      throw new S3Error("AccessDenied", "The access key is for one bucket that is there.");
    return operation.run(call);
  }
  const { organizationId } = call.grant;
  const bucket = await reachBucket(call, request.bucket ?? "");
  const address = { organizationId, bucketId: bucket.id };
  if (operation.on === "bucket") return operation.run({ ...call, bucket, address });
  return operation.run({ ...call, bucket, address, object: { ...address, key: request.key ?? "" } });
}

function s3ErrorOf(thrown: unknown): S3Error {
  if (thrown instanceof S3Error) return thrown;
  const reason = refusalReason(thrown);
  return new S3Error(reason === undefined ? "InternalError" : codeOfRefusal[reason]);
}

/** A client that went away half-way is nobody's failure. */
function isDeparture(thrown: unknown, req: IncomingMessage): boolean {
  const errno = errnoOf(thrown);
  return (
    req.socket.destroyed && (errno === "ECONNRESET" || errno === "ERR_STREAM_PREMATURE_CLOSE" || errno === "EPIPE")
  );
}

function refuse(req: IncomingMessage, res: ServerResponse, { error, id }: { error: S3Error; id: string }): void {
  // An answer that has begun can only be broken off: its length tells the client that it is not whole.
  if (res.headersSent) return void res.destroy();
  for (const name of res.getHeaderNames()) if (name !== "x-amz-request-id" && name !== "server") res.removeHeader(name);
  res.statusCode = error.status;
  res.setHeader("content-type", "application/xml");
  // Who waits for leave to send a body hears no, and may go on with another request or with the body: nobody could tell.
  if (!req.complete && req.headers.expect !== undefined) res.setHeader("connection", "close");
  if (req.method === "HEAD") return void res.end();
  const path = (req.url ?? "").split("?")[0] ?? "";
  const content = [
    ["Code", error.code],
    ["Message", error.message],
    ["Resource", path],
    ["RequestId", id],
  ] as const;
  res.end(writeXml(["Error", content], { hasNamespace: false }));
}

function drain(req: IncomingMessage): void {
  const timer = setTimeout(() => req.socket.destroy(), DRAIN_MS_MAX);
  req.once("close", () => clearTimeout(timer));
  req.resume();
}
