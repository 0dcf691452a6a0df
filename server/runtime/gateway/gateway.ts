import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { limitWords } from "#server/contract/limit-words.ts";
import { callKey } from "#server/runtime/meter/cpu-account.ts";
import type { LeaseOutcome } from "#server/runtime/meter/lease-book.ts";
import type { Journal } from "#server/runtime/meter/journal.ts";
import { newId } from "#server/std/id.ts";
import type { Log } from "#server/std/log.ts";
import { addressOf, type Address } from "./address.ts";
import { answerStatus, sendAnswer, type PlatformAnswer } from "./answer.ts";
import { Call } from "./call.ts";
import type { Desk, Refusal } from "./desk.ts";
import { forward, tooLargeMessage } from "./forward.ts";
import type { LimitNotices } from "./limit-notices.ts";
import { mayBegin } from "./rate.ts";
import { Reservation, type LeaseSource } from "./reservation.ts";
import type { KnownRoute } from "./route-cache.ts";
import type { ServedVersion } from "./thread-messages.ts";
import type { CallTrace, Tracing } from "./tracing.ts";
import type { TurnedAway } from "./turned-away.ts";
import { drainAfterAnswer } from "./unread-body.ts";
import { forwardUpgrade, refuseUpgrade } from "./upgrade.ts";

const KEEP_ALIVE_MS = 65_000;
const HEADERS_MS_MAX = 30_000;
const HEADER_BYTES_MAX = 32 * 1024;

export type GatewayParts = {
  desk: Desk;
  journal: Journal;
  notices: LimitNotices;
  tracing: Tracing;
  turnedAway: TurnedAway;
  functionsDomain: string;
  /** Once it is true, each answer is the last on its connection, so that callers go to a successor. */
  stopping: { isStopping: boolean };
  log: Log;
};

type Target = { version: ServedVersion; leaseSource: LeaseSource; path: string; isSharedOrigin: boolean };
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
  if (parts.stopping.isStopping) res.shouldKeepAlive = false;
  const refuse = (answer: PlatformAnswer, trace?: CallTrace): void => void sendAnswer(res, requestId, answer, trace);
  const turnAway = (answer: PlatformAnswer): void => {
    parts.turnedAway.add(answer.code);
    refuse(answer);
  };
  const resolving = resolve(parts, addressOf(req, parts.functionsDomain));
  const resolved = resolving instanceof Promise ? await resolving : resolving;
  if (resolved.kind === "own") return answerOwn(parts.desk, resolved.path, res);
  if (resolved.kind === "refused") return turnAway(resolved.answer);
  const { version, leaseSource, path, isSharedOrigin } = resolved.target;
  if (Number(req.headers["content-length"] ?? 0) > version.limits.requestBodyBytesMax) {
    return turnAway({ code: "body_too_large", message: tooLargeMessage(version.limits.requestBodyBytesMax) });
  }
  const reservation = new Reservation(leaseSource);
  const reserving = reservation.begin(version.limits);
  const reserved = reserving instanceof Promise ? await reserving : reserving;
  if (reserved.kind !== "granted") return turnAway(notLeased(parts, version, reserved));
  const call = new Call({ requestId, version, reservation }, req, parts);
  const entering = parts.desk.enter(version, callKey(requestId));
  const entered = entering instanceof Promise ? await entering : entering;
  if (typeof entered === "string") return refuse(refused(parts, call, entered), call.trace);
  call.enter(entered);
  if (res.destroyed) return call.end("client_gone", 499); // it hung up while it waited, and "close" won't be told again
  forward(
    { req, res, path, isSharedOrigin, clientAddress: req.socket.remoteAddress ?? "", proto: "http" },
    { call, lease: entered, enterAnother: () => parts.desk.enter(version, callKey(requestId)), notices: parts.notices },
  );
}

async function serveUpgrade(
  parts: GatewayParts,
  { req, socket, head }: { req: IncomingMessage; socket: Duplex; head: Buffer },
): Promise<void> {
  const requestId = newId("request");
  const turnAway = (answer: PlatformAnswer): void => {
    parts.turnedAway.add(answer.code);
    refuseUpgrade(socket, requestId, answer);
  };
  const resolved = await resolve(parts, addressOf(req, parts.functionsDomain));
  if (resolved.kind !== "target") return turnAway(resolved.kind === "refused" ? resolved.answer : notFound);
  const { version, leaseSource, path, isSharedOrigin } = resolved.target;
  const reservation = new Reservation(leaseSource);
  const reserved = await reservation.begin(version.limits);
  if (reserved.kind !== "granted") return turnAway(notLeased(parts, version, reserved));
  const call = new Call({ requestId, version, reservation }, req, parts);
  const entered = await parts.desk.enter(version, callKey(requestId));
  if (typeof entered === "string") return refuseUpgrade(socket, requestId, refused(parts, call, entered));
  call.enter(entered);
  if (socket.destroyed) return call.end("client_gone", 499);
  forwardUpgrade(
    { req, socket, head, path, isSharedOrigin, clientAddress: req.socket.remoteAddress ?? "", proto: "http" },
    { call, lease: entered, notices: parts.notices },
  );
}

async function answerOwn(desk: Desk, path: string, res: ServerResponse): Promise<void> {
  const { status, body } = await desk.health(path);
  res.writeHead(status, { "content-type": "application/json", "cache-control": "no-store" });
  res.end(body);
}

/** The organization's budget has no room for the worst case of the call, or nobody can say whether it has. */
function notLeased(
  parts: GatewayParts,
  version: ServedVersion,
  outcome: Exclude<LeaseOutcome, { kind: "granted" }>,
): PlatformAnswer {
  if (outcome.kind === "unavailable") return unaccountable;
  parts.notices.refused(version, "spend_cap_reached", outcome.reason);
  return { code: "spend_cap_reached", message: outcome.reason };
}

/** No instance took the call: its END, and what the caller is told. */
function refused(parts: GatewayParts, call: Call, refusal: Refusal): PlatformAnswer {
  const answer = answerFor(refusal, call.version);
  call.end("refused", answerStatus(answer.code));
  parts.notices.refused(call.version, answer.code, answer.message);
  return answer;
}

function resolve(parts: GatewayParts, address: Address): Resolved | Promise<Resolved> {
  if (address.kind === "malformed") return { kind: "refused", answer: malformed };
  if (address.kind === "gateway") return { kind: "own", path: address.path };
  if (address.kind === "unknown") return { kind: "refused", answer: notFound };
  const route = parts.desk.route(`${address.label.functionName}--${address.label.organizationSlug}`);
  return route instanceof Promise ? route.then((found) => admit(parts, found, address)) : admit(parts, route, address);
}

/** Who is to answer, or why nobody may. */
function admit(
  parts: GatewayParts,
  route: KnownRoute | null,
  { path, isSharedOrigin }: Extract<Address, { kind: "function" }>,
): Resolved {
  if (!route) return { kind: "refused", answer: notFound };
  if (route.stoppedBecause !== null)
    return { kind: "refused", answer: { code: "spend_cap_reached", message: route.stoppedBecause } };
  if (!parts.journal.canWrite) return { kind: "refused", answer: unaccountable };
  const version = pickVersion(route);
  if (!mayBegin(route.rateWords, version.limits.requestsPerSecondMax, process.hrtime.bigint())) {
    const answer = tooFast(version);
    parts.notices.refused(version, answer.code, answer.message);
    return { kind: "refused", answer };
  }
  return { kind: "target", target: { version, leaseSource: route.leaseSource, path, isSharedOrigin } };
}

const notFound: PlatformAnswer = {
  code: "function_not_found",
  message: "No function answers at this address. Check the name, and whether it is deployed.",
};
const malformed: PlatformAnswer = {
  code: "bad_request",
  message: "The request's target must be a path, or a whole http URL.",
};
const unaccountable: PlatformAnswer = {
  code: "overloaded",
  message: "The platform can't account for requests at the moment. Try again shortly.",
};

function tooFast({ limits }: ServedVersion): PlatformAnswer {
  return {
    code: "rate_limited",
    message: `The function takes ${limits.requestsPerSecondMax} requests a second. Call it less often, or raise "${limitWords.requestsPerSecondMax.title}" in its settings.`,
  };
}

function answerFor(refusal: Refusal, { limits }: ServedVersion): PlatformAnswer {
  switch (refusal) {
    case "too_many_concurrent":
      return {
        code: "too_many_concurrent",
        message: `All ${limits.instancesMax * limits.concurrencyPerInstanceMax} places of the function are taken (${limits.instancesMax} instances). Try again shortly, or raise "${limitWords.instancesMax.title}" in its settings.`,
      };
    case "overloaded":
      return { code: "overloaded", message: "This node has no room for another instance. Try again shortly." };
    case "no_sandbox":
      return { code: "overloaded", message: "No instance could be started. Try again shortly." };
  }
}

function pickVersion({ shares }: KnownRoute): ServedVersion {
  const [first] = shares;
  if (!first) throw new Error("a route without a version");
  if (shares.length === 1) return first.version;
  let point = Math.random() * 100;
  for (const share of shares) {
    point -= share.percent;
    if (point < 0) return share.version;
  }
  return first.version;
}
