import { timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { readinessPath, refreshPath, refreshRequest, versionSpec } from "#server/contract/prepare.ts";
import type { Fleet } from "./instances/fleet.ts";
import type { Routes } from "./gateway/routes.ts";
import type { VersionCache } from "./gateway/version-cache.ts";
import type { Health } from "./health.ts";

const BODY_BYTES_MAX = 32 * 1024 * 1024;

export type InternalParts = { secret: string; fleet: Fleet; versions: VersionCache; routes: Routes; health: Health };

/** The door for the console and for Prometheus; loopback only, and what acts needs the shared secret. */
export function createInternalServer(parts: InternalParts): Server {
  return createServer((req, res) => {
    handle(parts, req, res).catch((error: unknown) => {
      if (!res.headersSent)
        send(res, 500, {
          error: { code: "internal", message: error instanceof Error ? error.message : String(error) },
        });
    });
  });
}

async function handle(parts: InternalParts, req: IncomingMessage, res: ServerResponse): Promise<void> {
  if (req.method === "GET" && (req.url === "/healthz" || req.url === "/readyz")) {
    const { status, body } = parts.health.answer(req.url, "operator");
    res.writeHead(status, { "content-type": "application/json", "cache-control": "no-store" });
    res.end(body);
    return;
  }
  if (req.method === "GET" && req.url === "/metrics") {
    res.writeHead(200, { "content-type": "text/plain; version=0.0.4" });
    res.end(parts.health.metrics());
    return;
  }
  if (!isAuthorized(req, parts.secret))
    return send(res, 401, {
      error: { code: "unauthorized", message: "INTERNAL_SECRET of console and runtime differ" },
    });
  if (req.method === "POST" && req.url === readinessPath) {
    const spec = versionSpec.safeParse(JSON.parse((await readBody(req)).toString("utf8")));
    if (!spec.success) return send(res, 400, { error: { code: "invalid", message: spec.error.message } });
    const readiness = await parts.fleet.prepare(spec.data);
    if (readiness.kind === "ready") parts.versions.put(spec.data);
    return send(res, 200, readiness);
  }
  if (req.method === "POST" && req.url === refreshPath) {
    const { functionId } = refreshRequest.parse(JSON.parse((await readBody(req)).toString("utf8")));
    await parts.routes.refresh(functionId);
    return send(res, 200, {});
  }
  send(res, 404, { error: { code: "not_found", message: "No such path" } });
}

function isAuthorized(req: IncomingMessage, secret: string): boolean {
  const given = Buffer.from(req.headers.authorization ?? "");
  const wanted = Buffer.from(`Bearer ${secret}`);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

async function readBody(req: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of req) {
    if (!Buffer.isBuffer(chunk)) throw new Error("a body is bytes");
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) throw new Error("the body is too large");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function send(res: ServerResponse, status: number, body: unknown): void {
  res.writeHead(status, { "content-type": "application/json" });
  res.end(JSON.stringify(body));
}
