import { request, STATUS_CODES, type IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { answerBody, answerStatus, type PlatformAnswer } from "./answer.ts";
import type { Call } from "./call.ts";
import { CUT_BY_CAP, type Serving } from "./forward.ts";
import { reasonPhrase, requestHeaders, responseHeaders } from "./headers.ts";
import { FrameBoundary, GOING_AWAY_FRAME } from "./websocket-frames.ts";

/** How long a frame that is under way may take to end, and the other side to close, once it is told to go away. */
const GOING_AWAY_MS_MAX = 1_000;

export type Upgrade = {
  req: IncomingMessage;
  socket: Duplex;
  head: Buffer;
  path: string;
  isSharedOrigin: boolean;
  clientAddress: string;
  proto: "http" | "https";
};

export type UpgradeServing = Pick<Serving, "call" | "lease" | "notices">;

/**
 * Passes a WebSocket through: the handshake is the function's own, and after it bytes pass untouched both ways. The
 * wall limit holds for the handshake only; a socket may live on, and is charged by its CPU and bytes.
 */
export function forwardUpgrade(upgrade: Upgrade, serving: UpgradeServing): void {
  const { call, lease } = serving;
  const { req, socket, path, clientAddress, proto, isSharedOrigin } = upgrade;
  const headers = requestHeaders(req, {
    requestId: call.requestId,
    trace: call.trace,
    clientAddress,
    proto,
    stripCookies: isSharedOrigin,
  });
  const upstream = request({
    socketPath: lease.instance.socketPath,
    method: req.method,
    path,
    headers: [...headers, "connection", "Upgrade", "upgrade", "websocket"],
  });
  // It holds for the handshake, and for an answer that refuses it.
  const wallTimer = setTimeout(() => upstream.destroy(new Error("no answer in time")), call.version.limits.wallMsMax);
  socket.on("error", () => upstream.destroy());
  socket.on("close", () => {
    clearTimeout(wallTimer);
    upstream.destroy();
    call.end("client_gone", 499);
  });
  upstream.on("error", () => void failUpgrade(upgrade, serving));
  upstream.on("upgrade", (answer, upstreamSocket, upstreamHead) => {
    clearTimeout(wallTimer);
    writeHead(upgrade, answer, call, ["connection", "Upgrade", "upgrade", "websocket"]);
    connectBoth(upgrade, serving, { socket: upstreamSocket, head: upstreamHead });
  });
  upstream.on("response", (answer) => {
    writeHead(upgrade, answer, call, ["connection", "close"]);
    answer.on("data", (chunk: Buffer) => (call.egressBytes += chunk.length));
    answer.on("end", () => {
      call.end("ok", answer.statusCode ?? 0);
      socket.end();
    });
    answer.on("close", () => {
      if (answer.complete) return;
      call.end("aborted", answer.statusCode ?? 0);
      socket.destroy();
    });
    answer.pipe(socket, { end: false });
  });
  upstream.end();
}

function connectBoth(
  { socket, head }: Upgrade,
  { call, lease, notices }: UpgradeServing,
  upstream: { socket: Duplex; head: Buffer },
): void {
  const boundary = new FrameBoundary();
  /** False when no more is to come for now. */
  const pass = (bytes: Buffer): boolean => {
    call.egressBytes += bytes.length;
    boundary.pass(bytes);
    if (socket.write(bytes)) return true;
    upstream.socket.pause();
    socket.once("drain", () => upstream.socket.resume());
    return false;
  };
  const toCaller = (bytes: Buffer): void => {
    const isAllowed = call.allowEgress(bytes.length);
    if (isAllowed === true) {
      pass(bytes);
      return;
    }
    upstream.socket.pause();
    void Promise.resolve(isAllowed).then((mayPass) => {
      if (call.isOver) return;
      if (mayPass) {
        if (pass(bytes)) upstream.socket.resume();
      } else {
        notices.refused(call.version, "spend_cap_reached", CUT_BY_CAP);
        socket.destroy();
      }
    });
  };
  socket.on("data", (chunk: Buffer) => (call.ingressBytes += chunk.length));
  if (upstream.head.length > 0) toCaller(upstream.head);
  call.ingressBytes += head.length;
  if (head.length > 0) upstream.socket.write(head);
  upstream.socket.on("data", toCaller);
  upstream.socket.on("end", () => socket.end());
  const exchange = { expire: () => goAway(socket, upstream.socket, boundary) };
  lease.instance.opened(exchange);
  upstream.socket.on("error", () => socket.destroy());
  upstream.socket.on("close", () => {
    lease.instance.closed(exchange);
    call.end("ok", 101);
    socket.end();
  });
  // Before the handshake's own listener, for which a caller who closes is one who gave up.
  socket.prependListener("close", () => {
    call.end("ok", 101);
    upstream.socket.destroy();
  });
  socket.pipe(upstream.socket);
}

/** Closes with 1001 (RFC 6455, 7.4.1) between two frames, so that the caller reads a close and not a torn message. */
function goAway(socket: Duplex, upstream: Duplex, boundary: FrameBoundary): void {
  const timer = setTimeout(() => socket.destroy(), GOING_AWAY_MS_MAX);
  socket.once("close", () => clearTimeout(timer));
  boundary.whenBetweenFrames(() => {
    upstream.removeAllListeners("data");
    upstream.resume(); // what comes now is for nobody, and its end must be seen
    socket.end(GOING_AWAY_FRAME);
  });
}

function writeHead(
  { socket, isSharedOrigin }: Upgrade,
  answer: IncomingMessage,
  call: Call,
  connection: string[],
): void {
  const headers = [...responseHeaders(answer.headers, call, isSharedOrigin), ...connection];
  const status = answer.statusCode ?? 502;
  const lines = [`HTTP/1.1 ${status} ${reasonPhrase(status, answer.statusMessage)}`];
  for (let i = 0; i < headers.length; i += 2) lines.push(`${headers[i]}: ${headers[i + 1]}`);
  socket.write(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
}

async function failUpgrade(upgrade: Upgrade, { call, lease, notices }: UpgradeServing): Promise<void> {
  if (call.isOver) return;
  const { outcome, message } = await lease.instance.whyBroken();
  if (call.isOver) return;
  notices.ended(call, outcome, message);
  call.end(outcome, answerStatus(outcome));
  refuseUpgrade(upgrade.socket, call.requestId, { code: outcome, message });
}

/** A platform's answer on a bare socket. */
export function refuseUpgrade(socket: Duplex, requestId: string, answer: PlatformAnswer): void {
  const body = answerBody(answer);
  const status = answerStatus(answer.code);
  socket.end(
    Buffer.concat([
      Buffer.from(
        `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n` +
          `x-request-id: ${requestId}\r\nconnection: close\r\n\r\n`,
      ),
      body,
    ]),
  );
}
