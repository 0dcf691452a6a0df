import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import { request as httpsRequest } from "node:https";
import { chmod, chown } from "node:fs/promises";
import type { Duplex } from "node:stream";
import type { Log } from "#server/std/log.ts";
import { lookupPublic, type EgressRules } from "./egress-rules.ts";

const CONNECT_MS_MAX = 10_000;
const REQUEST_MS_MAX = 300_000;
const HOP_BY_HOP = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

export type EgressOptions = { rules: EgressRules; uid: number | undefined; log: Log };

/**
 * The platform's end of an instance's out socket. workerd sends each fetch as a proxy request with the whole URL; the
 * platform resolves the name once, refuses what is not public, connects to that very address, and does the TLS. Redirects
 * are followed inside workerd, so each hop comes here again.
 */
export function egressHost(options: EgressOptions): (path: string) => Promise<{ close(): Promise<void> }> {
  return async (path) => {
    const server = createServer(
      { requireHostHeader: false, requestTimeout: REQUEST_MS_MAX },
      (req, res) => void pass(options, req, res),
    );
    server.on("connect", (_req, socket) => refuseSocket(socket, "403 Forbidden"));
    server.on(
      "upgrade",
      (req: IncomingMessage, socket: Duplex, head: Buffer) => void passUpgrade(options, req, socket, head),
    );
    await listen(server, path);
    if (options.uid !== undefined) await chown(path, options.uid, options.uid);
    await chmod(path, 0o600);
    return {
      close: () =>
        new Promise((resolve) => {
          server.close(() => resolve());
          server.closeAllConnections();
        }),
    };
  };
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });
}

async function pass({ rules, log }: EgressOptions, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const url = parseTarget(req);
  if (!url) return refuse(res, 400, "Only http and https can be fetched.");
  const found = await lookupPublic(url, rules);
  if (found.kind === "refused") return refuse(res, found.status, found.message);
  const send = url.protocol === "https:" ? httpsRequest : httpRequest;
  const outgoing = send({
    ...connectionTo(url, found.address),
    method: req.method,
    path: url.pathname + url.search,
    headers: outgoingHeaders(req, url),
    timeout: CONNECT_MS_MAX,
  });
  outgoing.on("socket", (socket) => socket.once("connect", () => outgoing.setTimeout(REQUEST_MS_MAX)));
  outgoing.on("timeout", () => outgoing.destroy(new Error("it did not answer in time")));
  outgoing.on("error", (error) => {
    log.debug({ err: error, host: url.host }, "an outgoing request failed");
    if (res.headersSent) res.destroy();
    else refuse(res, 502, `The fetch of ${url.host} failed: ${error.message}`);
  });
  outgoing.on("response", (answer) => {
    res.writeHead(answer.statusCode ?? 502, answer.statusMessage, withoutHopByHop(answer.rawHeaders));
    answer.on("error", () => res.destroy());
    answer.pipe(res);
  });
  res.on("close", () => outgoing.destroy());
  req.pipe(outgoing);
}

async function passUpgrade(
  { rules }: EgressOptions,
  req: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): Promise<void> {
  socket.on("error", () => socket.destroy());
  const url = parseTarget(req);
  if (!url) return refuseSocket(socket, "400 Bad Request");
  const found = await lookupPublic(url, rules);
  if (found.kind === "refused") return refuseSocket(socket, "403 Forbidden");
  const send = url.protocol === "https:" ? httpsRequest : httpRequest;
  const headers = [...outgoingHeaders(req, url), "connection", "Upgrade", "upgrade", "websocket"];
  const outgoing = send({
    ...connectionTo(url, found.address),
    method: "GET",
    path: url.pathname + url.search,
    headers,
    timeout: CONNECT_MS_MAX,
  });
  outgoing.on("error", () => refuseSocket(socket, "502 Bad Gateway"));
  outgoing.on("timeout", () => outgoing.destroy(new Error("no handshake in time")));
  outgoing.on("response", () => refuseSocket(socket, "502 Bad Gateway"));
  outgoing.on("upgrade", (answer, remote, remoteHead) => {
    const raw = withoutHopByHop(answer.rawHeaders);
    const lines = ["HTTP/1.1 101 Switching Protocols", "Connection: Upgrade", "Upgrade: websocket"];
    for (let i = 0; i < raw.length; i += 2) lines.push(`${raw[i]}: ${raw[i + 1]}`);
    socket.write(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
    if (remoteHead.length > 0) socket.write(remoteHead);
    if (head.length > 0) remote.write(head);
    remote.on("error", () => socket.destroy());
    socket.on("close", () => remote.destroy());
    remote.on("close", () => socket.destroy());
    remote.pipe(socket).pipe(remote);
  });
  outgoing.end();
}

/** workerd's request line holds the whole URL, its scheme included, though the socket is plain. */
function parseTarget(req: IncomingMessage): URL | undefined {
  const url = URL.parse(req.url ?? "");
  return url && (url.protocol === "http:" || url.protocol === "https:") ? url : undefined;
}

/** The address that was checked, under the name that was asked for: a second look-up could answer otherwise. */
function connectionTo(url: URL, address: string) {
  const name = url.hostname.replace(/^\[|\]$/g, "");
  return {
    host: address,
    port: url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port),
    servername: name,
    setHost: false,
    agent: false,
  } as const;
}

function outgoingHeaders(req: IncomingMessage, url: URL): string[] {
  const headers = withoutHopByHop(req.rawHeaders);
  return req.headers.host === undefined ? ["host", url.host, ...headers] : headers;
}

function withoutHopByHop(raw: readonly string[]): string[] {
  const headers: string[] = [];
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] ?? "";
    if (!HOP_BY_HOP.has(name.toLowerCase())) headers.push(name, raw[i + 1] ?? "");
  }
  return headers;
}

function refuse(res: ServerResponse, status: number, message: string): void {
  const body = JSON.stringify({ error: { code: "egress_refused", message } });
  res.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(body) });
  res.end(body);
}

function refuseSocket(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`);
}
