import type { IncomingMessage } from "node:http";
import { parseFunctionLabel, type FunctionLabel } from "#server/contract/names.ts";

/** Where a request wants to go. */
export type Address =
  | { kind: "function"; label: FunctionLabel; path: string; isSharedOrigin: boolean }
  /** The gateway itself: no function's host name. */
  | { kind: "gateway"; path: string }
  | { kind: "unknown" }
  /** Its target is of no form that a function can be asked in (RFC 9112, 3.2): `*`, or an authority. */
  | { kind: "malformed" };

/** Not "localhost": that is the console's host name, and cookies know no ports. */
const SHARED_HOST = "127.0.0.1";
const SHARED_PATH = /^\/@([^/?]+)\/([^/?]+)(.*)$/s;

/** Reads host and path. `functionsDomain` without a port, in lower case. */
export function addressOf(req: Pick<IncomingMessage, "url" | "headers">, functionsDomain: string): Address {
  const target = targetOf(req);
  if (!target) return { kind: "malformed" };
  const { host, path } = target;
  if (host.endsWith(`.${functionsDomain}`)) {
    const label = parseFunctionLabel(host.slice(0, -functionsDomain.length - 1));
    return label ? { kind: "function", label, path, isSharedOrigin: false } : { kind: "unknown" };
  }
  if (functionsDomain === "localhost" && host === SHARED_HOST) {
    const match = SHARED_PATH.exec(path);
    if (match) return sharedAddress(match[1] ?? "", match[2] ?? "", match[3] ?? "");
  }
  return { kind: "gateway", path };
}

/** http://127.0.0.1:8787/@acme/hello/path: the function sees /path. */
function sharedAddress(organizationSlug: string, functionName: string, rest: string): Address {
  const label = parseFunctionLabel(`${functionName}--${organizationSlug}`);
  if (!label) return { kind: "unknown" };
  return { kind: "function", label, path: rest.startsWith("/") ? rest : `/${rest}`, isSharedOrigin: true };
}

/** The host and path asked for. In absolute form the target says both, and Host is to be ignored (RFC 9112, 3.2.2). */
function targetOf(req: Pick<IncomingMessage, "url" | "headers">): { host: string; path: string } | undefined {
  const target = req.url ?? "";
  if (target.startsWith("/")) return { host: hostName(req.headers.host), path: target };
  const url = /^https?:\/\//i.test(target) ? URL.parse(target) : null;
  return url ? { host: hostName(url.host), path: url.pathname + url.search } : undefined;
}

function hostName(host: string | undefined): string {
  const text = (host ?? "").toLowerCase().replace(/:\d+$/, "");
  return text.endsWith(".") ? text.slice(0, -1) : text;
}
