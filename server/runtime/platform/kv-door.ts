import type { IncomingMessage, ServerResponse } from "node:http";
import { z } from "zod";
import { Fault } from "#server/std/fault.ts";
import type { Clock } from "#server/std/clock.ts";
import { CACHE_TTL_SECONDS_MIN, LIST_MAX, VALUE_BYTES_MAX } from "#server/storage/kv/bounds.ts";
import {
  deleteEntry,
  getEntries,
  getEntry,
  putEntry,
  valueTooLarge,
  type Entry,
  type NamespaceKey,
} from "#server/storage/kv/entries.ts";
import { expiresAtS } from "#server/storage/kv/expiration.ts";
import { listKeys } from "#server/storage/kv/list.ts";
import type { Sql } from "#server/storage/kv/sql.ts";
import type { Hold } from "./held-bytes.ts";
import { readBody } from "./request-body.ts";

export type KvCall = {
  sql: Sql;
  clock: Clock;
  of: NamespaceKey;
  hold: Hold;
  /** Does the work when it is the organization's turn. */
  inTurn: <Result>(work: () => Promise<Result>) => Promise<Result>;
};

/** Node reads and writes headers as latin1, and workerd has UTF-8 in this one. */
const METADATA_HEADER = "cf-kv-metadata";
/** A hundred keys of 512 bytes, each of which JSON may write six-fold. */
const BULK_REQUEST_BYTES_MAX = 512 * 1024;

/** One operation of workerd's kvNamespace binding. Faults say what Workers KV says. */
export async function answerKv(call: KvCall, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const { path, params } = targetOf(req);
  switch (`${req.method} ${path === "/" || path === "/bulk/get" ? path : "key"}`) {
    case "GET /":
      return list(call, params, res);
    case "POST /bulk/get":
      return getMany(call, req, res);
    case "GET key":
    case "GET /bulk/get":
      return get(call, keyOf(path), params, res);
    case "PUT key":
    case "PUT /bulk/get":
      return put(call, { key: keyOf(path), params }, req, res);
    case "DELETE key":
    case "DELETE /bulk/get":
      await call.inTurn(() => deleteEntry(call.sql, call.of, keyOf(path)));
      return send(res, {});
    default:
      throw new Fault("invalid", "Method Not Allowed");
  }
}

/** By hand, as URL resolves dots, and a key may be written with them. */
function targetOf(req: IncomingMessage): { path: string; params: URLSearchParams } {
  const target = req.url ?? "/";
  const at = target.indexOf("?");
  return {
    path: at < 0 ? target : target.slice(0, at),
    params: new URLSearchParams(at < 0 ? "" : target.slice(at + 1)),
  };
}

function keyOf(path: string): string {
  try {
    return decodeURIComponent(path.slice(1));
  } catch {
    throw new Fault("invalid", "Invalid key encoding");
  }
}

async function get(call: KvCall, key: string, params: URLSearchParams, res: ServerResponse): Promise<void> {
  checkCacheTtl(params.get("cache_ttl") ?? undefined);
  const entry = await call.inTurn(() => getEntry(call.sql, call.of, key));
  if (!entry) return void res.writeHead(404, { "content-length": 0 }).end();
  call.hold.add(entry.value.length);
  send(res, {
    body: entry.value,
    headers: {
      "content-type": "application/octet-stream",
      ...(entry.metadata === null ? {} : { [METADATA_HEADER]: headerOf(entry.metadata) }),
    },
  });
}

async function put(
  call: KvCall,
  { key, params }: { key: string; params: URLSearchParams },
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const value = await readBody(req, call.hold, { bytesMax: VALUE_BYTES_MAX, tooLarge: valueTooLarge });
  const wish = {
    expiration: params.get("expiration") ?? undefined,
    expirationTtl: params.get("expiration_ttl") ?? undefined,
  };
  const write = { key, value, metadata: metadataOf(req), expiresAtS: expiresAtS(wish, call.clock.nowMs()) };
  await call.inTurn(() => putEntry(call.sql, call.of, write));
  send(res, {});
}

async function list(call: KvCall, params: URLSearchParams, res: ServerResponse): Promise<void> {
  const limit = params.get("key_count_limit");
  const options = {
    prefix: params.get("prefix") ?? "",
    limit: limit === null ? LIST_MAX : Number(limit),
    cursor: params.get("cursor") ?? undefined,
  };
  const page = await call.inTurn(() => listKeys(call.sql, call.of, options));
  const keys = page.keys.map(({ name, expiresAtS, metadata }) => ({
    name,
    ...(expiresAtS === null ? {} : { expiration: expiresAtS }),
    ...(metadata === null ? {} : { metadata }), // as text: the binding reads it
  }));
  const listed = page.cursor === null ? { list_complete: true } : { list_complete: false, cursor: page.cursor };
  sendJson(call, res, JSON.stringify({ keys, ...listed }));
}

const bulkRequest = z.object({
  keys: z.array(z.string()).default([]),
  type: z.string().default("text"),
  withMetadata: z.boolean().default(false),
  cacheTtl: z.union([z.string(), z.number()]).optional(),
});

async function getMany(call: KvCall, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const tooLarge = () => new Fault("too_large", "The request is too large");
  const body = await readBody(req, call.hold, { bytesMax: BULK_REQUEST_BYTES_MAX, tooLarge });
  const { keys, type, withMetadata, cacheTtl } = parseBulk(body.toString("utf8"));
  if (type !== "text" && type !== "json") {
    throw new Fault("invalid", `"${type}" is not a valid type. Use "json" or "text"`);
  }
  checkCacheTtl(cacheTtl);
  const found = await call.inTurn(() => getEntries(call.sql, call.of, keys));
  for (const { value } of found.values()) call.hold.add(value.length);
  const members = [...new Set(keys)].map((key) => {
    const entry = found.get(key);
    return `${JSON.stringify(key)}:${entry ? memberOf(entry, { type, withMetadata }) : "null"}`;
  });
  sendJson(call, res, `{${members.join(",")}}`);
}

/** JSON is passed on as it was stored: to read and write it anew would double what it costs this process. */
function memberOf(
  { value, metadata }: Pick<Entry, "value" | "metadata">,
  { type, withMetadata }: { type: "text" | "json"; withMetadata: boolean },
): string {
  const text = Buffer.from(value).toString("utf8");
  if (type === "json" && !isJson(text)) {
    throw new Fault("invalid", "At least one of the requested keys corresponds to a non-json value");
  }
  const shown = type === "json" ? text : JSON.stringify(text);
  return withMetadata ? `{"value":${shown},"metadata":${metadata ?? "null"}}` : shown;
}

function parseBulk(text: string): z.infer<typeof bulkRequest> {
  const parsed = isJson(text) ? bulkRequest.safeParse(JSON.parse(text)) : undefined;
  if (!parsed?.success) throw new Fault("invalid", "Invalid JSON");
  return parsed.data;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Nothing is cached, so that what is read is what was written; but what Workers KV refuses is refused. */
function checkCacheTtl(wished: string | number | undefined): void {
  if (wished === undefined) return;
  const ttl = Number(wished);
  if (Number.isInteger(ttl) && ttl >= CACHE_TTL_SECONDS_MIN) return;
  throw new Fault("invalid", `Invalid cache_ttl of ${wished}. Cache TTL must be at least ${CACHE_TTL_SECONDS_MIN}.`);
}

function metadataOf(req: IncomingMessage): string | null {
  const header = req.headers[METADATA_HEADER];
  if (typeof header !== "string") return null;
  const text = Buffer.from(header, "latin1").toString("utf8");
  if (!isJson(text)) throw new Fault("invalid", "Invalid metadata");
  return text;
}

/** DEL may stand in JSON, but in no header. */
function headerOf(metadata: string): string {
  return Buffer.from(metadata.replaceAll("\u007F", String.raw`\u007f`), "utf8").toString("latin1");
}

function sendJson(call: KvCall, res: ServerResponse, text: string): void {
  const body = Buffer.from(text);
  call.hold.add(body.length);
  send(res, { body, headers: { "content-type": "application/json" } });
}

function send(
  res: ServerResponse,
  { body = new Uint8Array(), headers = {} }: { body?: Uint8Array; headers?: Record<string, string> },
): void {
  res.writeHead(200, { ...headers, "content-length": body.length });
  res.end(body);
}
