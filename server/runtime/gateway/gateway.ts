import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { VersionSpec } from "#server/contract/prepare.ts";
import type { ServingFunction } from "#server/functions/serving.ts";
import type { Fleet } from "#server/runtime/instances/fleet.ts";
import type { Acquired } from "#server/runtime/instances/version-pool.ts";
import type { Journal } from "#server/runtime/meter/journal.ts";
import { newId } from "#server/std/id.ts";
import type { Log } from "#server/std/log.ts";
import { addressOf, type Address } from "./address.ts";
import { answerStatus, sendAnswer, type PlatformAnswer } from "./answer.ts";
import { Call } from "./call.ts";
import { forward, tooLargeMessage } from "./forward.ts";
import type { Routes } from "./routes.ts";
import { drainAfterAnswer } from "./unread-body.ts";
import { forwardUpgrade, refuseUpgrade } from "./upgrade.ts";
import type { VersionCache } from "./version-cache.ts";

const KEEP_ALIVE_MS = 65_000;
const HEADERS_MS_MAX = 30_000;
const HEADER_BYTES_MAX = 32 * 1024;

export type GatewayParts = {
  routes: Routes;
  versions: VersionCache;
  fleet: Fleet;
  journal: Journal;
  functionsDomain: string;
  log: Log;
  /** Sockets that are no longer the server's to close: those of WebSockets. */
  upgraded: Set<Duplex>;
  /** Answers on the gateway's own names: health. */
  own(path: string, res: ServerResponse): void;
};

type Target = { serving: ServingFunction; path: string; isSharedOrigin: boolean };
type Resolved =
  | { kind: "target"; target: Target }
  | { kind: "own"; path: string }
  | { kind: "refused"; answer: PlatformAnswer };

/** The HTTP door of functions. */
export function createGateway(parts: GatewayParts): Server {
  const server = createServer(
    {
      keepAliveTimeout: KEEP_ALIVE_MS,
      headersTimeout: HEADERS_MS_MAX,
      requestTimeout: 0, // a body may stream for as long as the function's wall limit lets it
      maxHeaderSize: HEADER_BYTES_MAX,
      // Any other protocol is ignored, as RFC 9110 (7.8) lets a server do, and the request is served as it stands.
      shouldUpgradeCallback: (req) => req.headers.upgrade?.toLowerCase() === "websocket",
    },
    (req, res) => {
      // Whatever goes wrong with one request must not end the process that serves all.
      serve(parts, req, res).catch((error: unknown) => {
        parts.log.error({ err: error }, "a request could not be served");
        res.destroy();
      });
    },
  );
  server.on("upgrade", (req: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on("error", () => socket.destroy());
    parts.upgraded.add(socket);
    socket.on("close", () => parts.upgraded.delete(socket));
    serveUpgrade(parts, { req, socket, head }).catch((error: unknown) => {
      parts.log.error({ err: error }, "an upgrade could not be served");
      socket.destroy();
    });
  });
  return server;
}

async function serve(parts: GatewayParts, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const requestId = newId("request");
  drainAfterAnswer(req, res);
  const refuse = (answer: PlatformAnswer): void => void sendAnswer(res, requestId, answer);
  const resolved = resolve(parts, addressOf(req, parts.functionsDomain));
  if (resolved.kind === "own") return parts.own(resolved.path, res);
  if (resolved.kind === "refused") return refuse(resolved.answer);
  const { serving, path, isSharedOrigin } = resolved.target;
  const found = parts.versions.get(pickVersion(serving));
  const spec = found instanceof Promise ? await loaded(parts, found) : found;
  if (!spec) return refuse(unavailable);
  if (Number(req.headers["content-length"] ?? 0) > spec.limits.requestBodyBytesMax) {
    return refuse({ code: "body_too_large", message: tooLargeMessage(spec.limits.requestBodyBytesMax) });
  }
  const call = new Call(requestId, spec, req, parts.journal);
  const acquiring = parts.fleet.pool(spec).acquire();
  const acquired = acquiring instanceof Promise ? await acquiring : acquiring;
  if (acquired.kind !== "instance") {
    call.end("platform_failed", answerStatus("overloaded"));
    return refuse(refusalFor(acquired));
  }
  if (res.destroyed) return leftWhileWaiting(parts, call);
  call.coldStart = acquired.coldStart;
  call.enter(acquired.instance);
  res.on("close", () => parts.fleet.knows(spec.versionId)?.released());
  forward(
    { req, res, path, isSharedOrigin, clientAddress: req.socket.remoteAddress ?? "", proto: "http" },
    call,
    acquired.instance,
  );
}

async function serveUpgrade(
  parts: GatewayParts,
  { req, socket, head }: { req: IncomingMessage; socket: Duplex; head: Buffer },
): Promise<void> {
  const requestId = newId("request");
  const resolved = resolve(parts, addressOf(req, parts.functionsDomain));
  if (resolved.kind !== "target")
    return refuseUpgrade(socket, requestId, resolved.kind === "refused" ? resolved.answer : notFound);
  const { serving, path, isSharedOrigin } = resolved.target;
  const spec = await loaded(parts, Promise.resolve(parts.versions.get(pickVersion(serving))));
  if (!spec) return refuseUpgrade(socket, requestId, unavailable);
  const call = new Call(requestId, spec, req, parts.journal);
  const acquired = await parts.fleet.pool(spec).acquire();
  if (acquired.kind !== "instance") {
    call.end("platform_failed", answerStatus("overloaded"));
    return refuseUpgrade(socket, requestId, refusalFor(acquired));
  }
  if (socket.destroyed) return leftWhileWaiting(parts, call);
  call.coldStart = acquired.coldStart;
  call.enter(acquired.instance);
  socket.on("close", () => parts.fleet.knows(spec.versionId)?.released());
  forwardUpgrade(
    { req, socket, head, path, isSharedOrigin, clientAddress: req.socket.remoteAddress ?? "", proto: "http" },
    call,
    acquired.instance,
  );
}

/** The caller hung up before an instance was found: its place goes to the next, and "close" won't be told again. */
function leftWhileWaiting({ fleet }: GatewayParts, call: Call): void {
  call.end("client_gone", 499);
  fleet.knows(call.spec.versionId)?.released();
}

/** Who is to answer, or why nobody may. */
function resolve(parts: GatewayParts, address: Address): Resolved {
  if (address.kind === "malformed") return { kind: "refused", answer: malformed };
  if (address.kind === "gateway") return { kind: "own", path: address.path };
  const serving = address.kind === "function" ? parts.routes.find(address.label) : undefined;
  if (address.kind === "unknown" || !serving) return { kind: "refused", answer: notFound };
  if (serving.stoppedBecause !== null)
    return { kind: "refused", answer: { code: "spend_cap_reached", message: serving.stoppedBecause } };
  if (!parts.journal.canWrite) {
    return {
      kind: "refused",
      answer: {
        code: "overloaded",
        message: "The platform can't account for requests at the moment. Try again shortly.",
      },
    };
  }
  return { kind: "target", target: { serving, path: address.path, isSharedOrigin: address.isSharedOrigin } };
}

const notFound: PlatformAnswer = {
  code: "function_not_found",
  message: "No function answers at this address. Check the name, and whether it is deployed.",
};
const malformed: PlatformAnswer = {
  code: "bad_request",
  message: "The request's target must be a path, or a whole http URL.",
};
const unavailable: PlatformAnswer = {
  code: "overloaded",
  message: "The function's code can't be read at the moment. Try again shortly.",
};

function refusalFor(acquired: Exclude<Acquired, { kind: "instance" }>): PlatformAnswer {
  switch (acquired.kind) {
    case "overloaded":
      return { code: "overloaded", message: "All instances of the function are busy. Try again shortly." };
    case "no_sandbox":
      return { code: "overloaded", message: "No instance could be started. Try again shortly." };
  }
}

async function loaded(parts: GatewayParts, found: Promise<VersionSpec | null>): Promise<VersionSpec | null> {
  try {
    return await found;
  } catch (error) {
    parts.log.error({ err: error }, "a version could not be read");
    return null;
  }
}

function pickVersion({ shares }: ServingFunction): string {
  const [first] = shares;
  if (!first || shares.length === 1) return first?.versionId ?? "";
  let point = Math.random() * 100;
  for (const share of shares) {
    point -= share.percent;
    if (point < 0) return share.versionId;
  }
  return first.versionId;
}
