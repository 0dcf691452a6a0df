import { STATUS_CODES, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import { headerNames } from "#server/runtime/sandbox/worker-config.ts";
import type { CallTrace } from "./tracing.ts";

/** Headers that belong to one connection and are not passed on (RFC 9110, 7.6.1), beside those that Connection names. */
const HOP_BY_HOP = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "proxy-authenticate",
  "proxy-authorization",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** What the platform says itself: a caller's own values would be believed by the function. */
const OURS = new Set<string>([
  ...Object.values(headerNames),
  "x-forwarded-for",
  "x-forwarded-proto",
  "x-forwarded-host",
  "x-real-ip",
  "cf-connecting-ip",
  "expect",
  "traceparent",
  "tracestate",
]);

export type Forwarded = {
  requestId: string;
  trace: CallTrace | undefined;
  clientAddress: string;
  proto: "http" | "https";
  stripCookies: boolean;
};

/** The headers of a request as the function gets them: name, value, name, value. */
export function requestHeaders(req: IncomingMessage, forwarded: Forwarded): string[] {
  const named = namedByConnection(req.headers.connection);
  const headers: string[] = [];
  const raw = req.rawHeaders;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] ?? "";
    const lower = name.toLowerCase();
    if (HOP_BY_HOP.has(lower) || OURS.has(lower) || named?.has(lower)) continue;
    if (lower === "cookie" && forwarded.stripCookies) continue;
    headers.push(name, raw[i + 1] ?? "");
  }
  headers.push(
    headerNames.requestId,
    forwarded.requestId,
    headerNames.proto,
    forwarded.proto,
    headerNames.cf,
    "{}",
    "x-forwarded-for",
    forwarded.clientAddress,
    "x-forwarded-proto",
    forwarded.proto,
    "x-forwarded-host",
    req.headers.host ?? "",
    "x-real-ip",
    forwarded.clientAddress,
    "via",
    "1.1 sluice",
  );
  if (forwarded.trace) headers.push("traceparent", forwarded.trace.traceparent);
  if (forwarded.trace?.tracestate !== undefined) headers.push("tracestate", forwarded.trace.tracestate);
  return headers;
}

/** The headers of a function's answer as the caller gets them. */
export function responseHeaders(
  from: IncomingHttpHeaders,
  { requestId, trace }: { requestId: string; trace: CallTrace | undefined },
  isSharedOrigin: boolean,
): string[] {
  const named = namedByConnection(from.connection);
  const headers: string[] = [];
  for (const [name, value] of Object.entries(from)) {
    if (value === undefined || HOP_BY_HOP.has(name) || named?.has(name)) continue;
    if (isOurs(name, trace)) continue;
    if (isSharedOrigin && name === "set-cookie") continue;
    if (typeof value === "string") headers.push(name, value);
    else for (const one of value) headers.push(name, one);
  }
  headers.push(headerNames.requestId, requestId);
  if (trace) headers.push("traceresponse", trace.traceresponse);
  // All functions share this origin; the sandbox keeps one's page from acting as another's.
  if (isSharedOrigin) headers.push("content-security-policy", "sandbox allow-scripts allow-forms allow-popups");
  return headers;
}

/** What the platform tells the caller itself, or keeps to itself. */
function isOurs(name: string, trace: CallTrace | undefined): boolean {
  return (
    name === headerNames.outcome || name === headerNames.requestId || (name === "traceresponse" && trace !== undefined)
  );
}

function namedByConnection(connection: string | undefined): Set<string> | undefined {
  if (connection === undefined || connection === "keep-alive" || connection === "close") return undefined;
  return new Set(connection.split(",").map((name) => name.trim().toLowerCase()));
}

/** The words of a status line, where they may be sent (RFC 9112, 4); those of the status itself where they may not. */
export function reasonPhrase(status: number, from: string | undefined): string {
  if (from !== undefined && from !== "" && /^[\t\x20-\x7e\x80-\xff]*$/.test(from)) return from;
  return STATUS_CODES[status] ?? "";
}
