import type { IncomingMessage } from "node:http";
import { connect } from "node:net";
import type { Duplex } from "node:stream";
import type { Passing } from "./egress.ts";
import { openRequest, outgoingHeaders, parseTarget, withoutHopByHop } from "./egress-fetch.ts";
import { destinationOf, lookupPublic, parseAuthority } from "./egress-rules.ts";

const CONNECT_MS_MAX = 10_000;
/** A tunnel in which nothing passes is closed after this; drivers of databases ping more often, or connect again. */
const IDLE_MS_MAX = 600_000;

/** A TCP connection of a function (`cloudflare:sockets`, node:net): workerd asks by CONNECT, then bytes pass untouched. */
export async function passTcp(
  { rules, exchange }: Passing,
  req: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): Promise<void> {
  socket.on("close", () => exchange.end());
  const destination = parseAuthority(req.url ?? "");
  if (!destination) return refuseSocket(socket, "400 Bad Request");
  const found = await lookupPublic(destination, rules);
  if (found.kind === "refused") return refuseSocket(socket, found.status === 403 ? "403 Forbidden" : "502 Bad Gateway");
  if (socket.destroyed) return;
  const remote = connect({ host: found.address, port: destination.port, timeout: CONNECT_MS_MAX });
  socket.on("close", () => remote.destroy());
  remote.on("timeout", () => remote.destroy());
  const failed = (): void => refuseSocket(socket, "502 Bad Gateway");
  remote.on("error", failed);
  remote.once("connect", () => {
    remote.off("error", failed); // from here on, text of ours would be taken for the far server's
    socket.write("HTTP/1.1 200 OK\r\n\r\n");
    remote.setTimeout(IDLE_MS_MAX);
    join({ near: socket, far: remote, nearHead: head, farHead: Buffer.alloc(0) }, exchange);
  });
}

/** A WebSocket of a function to somewhere else: the handshake is the far server's, and after it bytes pass untouched. */
export async function passWebSocket(
  { rules, exchange }: Passing,
  req: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): Promise<void> {
  socket.on("close", () => exchange.end());
  const url = parseTarget(req);
  if (!url) return refuseSocket(socket, "400 Bad Request");
  const found = await lookupPublic(destinationOf(url), rules);
  if (found.kind === "refused") return refuseSocket(socket, "403 Forbidden");
  if (socket.destroyed) return;
  const headers = [...outgoingHeaders(req, url), "connection", "Upgrade", "upgrade", "websocket"];
  const outgoing = openRequest(url, found.address, { method: "GET", headers });
  socket.on("close", () => outgoing.destroy());
  outgoing.on("error", () => refuseSocket(socket, "502 Bad Gateway"));
  outgoing.on("response", () => refuseSocket(socket, "502 Bad Gateway"));
  let isOpen = false;
  outgoing.on("close", () => isOpen || refuseSocket(socket, "502 Bad Gateway"));
  outgoing.on("upgrade", (answer, remote, remoteHead) => {
    isOpen = true;
    const raw = withoutHopByHop(answer.rawHeaders);
    const lines = ["HTTP/1.1 101 Switching Protocols", "Connection: Upgrade", "Upgrade: websocket"];
    for (let i = 0; i < raw.length; i += 2) lines.push(`${raw[i]}: ${raw[i + 1]}`);
    socket.write(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
    remote.setTimeout(IDLE_MS_MAX, () => remote.destroy());
    join({ near: socket, far: remote, nearHead: head, farHead: remoteHead }, exchange);
  });
  outgoing.end();
}

type Ends = { near: Duplex; far: Duplex; nearHead: Buffer; farHead: Buffer };

function join({ near, far, nearHead, farHead }: Ends, exchange: Passing["exchange"]): void {
  const cut = (): void => {
    near.destroy();
    far.destroy();
  };
  near.on("data", (chunk: Buffer) => exchange.sent(chunk.length) || cut());
  far.on("data", (chunk: Buffer) => exchange.received(chunk.length) || cut());
  far.on("error", cut);
  near.on("close", () => far.destroy());
  far.on("close", () => near.destroy());
  if (!exchange.sent(nearHead.length)) return cut();
  exchange.received(farHead.length);
  if (farHead.length > 0) near.write(farHead);
  if (nearHead.length > 0) far.write(nearHead);
  far.pipe(near).pipe(far);
}

/** An answer on a bare socket that ends it; nothing where an answer was given already. */
export function refuseSocket(socket: Duplex, status: string): void {
  if (socket.destroyed || socket.writableEnded) return;
  socket.end(`HTTP/1.1 ${status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`);
}
