import { request as httpRequest, type ClientRequest, type IncomingMessage, type ServerResponse } from "node:http";
import { request as httpsRequest } from "node:https";
import type { Passing } from "./egress.ts";
import { EXCHANGE_MS_MAX } from "./egress-budget.ts";
import { destinationOf, lookupPublic } from "./egress-rules.ts";

const CONNECT_MS_MAX = 10_000;
const HOP_BY_HOP = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);
/** What an HTTP status line may hold; a far server's may hold anything, and Node throws at some of it. */
const REASON_PHRASE = /^[\t\x20-\x7e]{0,200}$/;

/** One fetch of a function: the request as workerd proxies it, sent to the address that was checked. */
export async function passFetch(
  { rules, log, exchange }: Passing,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  res.on("close", () => exchange.end());
  const url = parseTarget(req);
  if (!url) return refuseFetch(res, 400, "Only http and https can be fetched.");
  const found = await lookupPublic(destinationOf(url), rules);
  if (found.kind === "refused") return refuseFetch(res, found.status, found.message);
  if (res.destroyed) return; // given up during the look-up, and its place given back with it
  const outgoing = openRequest(url, found.address, { method: req.method ?? "GET", headers: outgoingHeaders(req, url) });
  const timer = setTimeout(
    () => outgoing.destroy(new Error(`it took longer than ${EXCHANGE_MS_MAX / 1000} s`)),
    EXCHANGE_MS_MAX,
  );
  res.on("close", () => {
    clearTimeout(timer);
    outgoing.destroy();
  });
  outgoing.on("error", (error) => {
    log.debug({ err: error, host: url.host }, "an outgoing request failed");
    if (res.headersSent) res.destroy();
    else refuseFetch(res, 502, `The fetch of ${url.host} failed: ${error.message}`);
  });
  // An answer that isn't one (a switch of protocols that nobody asked for) ends the request without an error.
  outgoing.on("close", () => {
    if (!res.headersSent && !res.destroyed) refuseFetch(res, 502, `The fetch of ${url.host} failed: no answer came.`);
  });
  outgoing.on("response", (answer) => {
    try {
      passAnswer(exchange, answer, res);
    } catch {
      outgoing.destroy(new Error("the answer is not valid HTTP"));
    }
  });
  req.on("data", (chunk: Buffer) => {
    if (!exchange.sent(chunk.length)) outgoing.destroy(new Error("it sent more than it may"));
  });
  req.pipe(outgoing);
}

function passAnswer(exchange: Passing["exchange"], answer: IncomingMessage, res: ServerResponse): void {
  const reason = REASON_PHRASE.test(answer.statusMessage ?? "") ? answer.statusMessage : undefined;
  res.writeHead(answer.statusCode ?? 502, reason, withoutHopByHop(answer.rawHeaders));
  answer.on("data", (chunk: Buffer) => {
    if (!exchange.received(chunk.length)) answer.destroy(new Error("it received more than one exchange may"));
  });
  answer.on("error", () => res.destroy());
  answer.pipe(res);
}

/** Opens a request to the address that was checked, under the name that was asked for: a second look-up could answer otherwise. */
export function openRequest(url: URL, address: string, options: { method: string; headers: string[] }): ClientRequest {
  const send = url.protocol === "https:" ? httpsRequest : httpRequest;
  const outgoing = send({
    host: address,
    port: destinationOf(url).port,
    servername: url.hostname.replace(/^\[|\]$/g, ""),
    setHost: false,
    agent: false,
    path: url.pathname + url.search,
    timeout: CONNECT_MS_MAX,
    ...options,
  });
  outgoing.on("socket", (socket) => socket.once("connect", () => outgoing.setTimeout(EXCHANGE_MS_MAX)));
  outgoing.on("timeout", () => outgoing.destroy(new Error("it did not answer in time")));
  return outgoing;
}

/** workerd's request line holds the whole URL, its scheme included, though the socket is plain. */
export function parseTarget(req: IncomingMessage): URL | undefined {
  const url = URL.parse(req.url ?? "");
  return url && (url.protocol === "http:" || url.protocol === "https:") ? url : undefined;
}

export function outgoingHeaders(req: IncomingMessage, url: URL): string[] {
  const headers = withoutHopByHop(req.rawHeaders);
  return req.headers.host === undefined ? ["host", url.host, ...headers] : headers;
}

export function withoutHopByHop(raw: readonly string[]): string[] {
  const headers: string[] = [];
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] ?? "";
    if (!HOP_BY_HOP.has(name.toLowerCase())) headers.push(name, raw[i + 1] ?? "");
  }
  return headers;
}

/** What the function's fetch sees: a Response of the platform's own. */
export function refuseFetch(res: ServerResponse, status: number, message: string): void {
  const body = JSON.stringify({ error: { code: "egress_refused", message } });
  res.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(body) });
  res.end(body);
}
