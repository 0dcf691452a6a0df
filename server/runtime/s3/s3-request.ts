import type { IncomingMessage } from "node:http";
import { S3Error } from "./s3-error.ts";

/** A request as S3 reads it: which bucket and key it is about, and the texts that its signature covers. */
export type S3Request = {
  req: IncomingMessage;
  id: string;
  method: string;
  /** The path, decoded; with the bucket in it in path style only. */
  path: string;
  query: readonly (readonly [name: string, value: string])[];
  bucket: string | null;
  key: string | null;
};

const URL_CHARACTERS_MAX = 12_000;

/** Throws `InvalidURI` for an address that is no UTF-8, or that no client of S3 would send. */
export function readRequest(req: IncomingMessage, { id, domain }: { id: string; domain: string }): S3Request {
  const url = req.url ?? "";
  if (!url.startsWith("/") || url.length > URL_CHARACTERS_MAX) throw new S3Error("InvalidURI");
  const at = url.indexOf("?");
  const path = decode(at < 0 ? url : url.slice(0, at));
  const query = at < 0 ? [] : pairsOf(url.slice(at + 1));
  return { req, id, method: req.method ?? "", path, query, ...nameOf(path, bucketInHost(req, domain)) };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new S3Error("InvalidURI", "The address is not UTF-8, percent-encoded.");
  }
}

function pairsOf(text: string): [string, string][] {
  return text.split("&").flatMap((pair): [string, string][] => {
    if (pair === "") return [];
    const [name = "", value = ""] = pair.split(/=(.*)/s, 2).map((part) => decode(part.replaceAll("+", " ")));
    return [[name, value]];
  });
}

/** Virtual-host style: what stands before the door's own name. */
function bucketInHost(req: IncomingMessage, domain: string): string | null {
  const host = (req.headers.host ?? "").replace(/:\d+$/, "").toLowerCase();
  return host.endsWith(`.${domain}`) ? host.slice(0, -domain.length - 1) : null;
}

function nameOf(path: string, inHost: string | null): Pick<S3Request, "bucket" | "key"> {
  if (inHost !== null) return { bucket: inHost, key: path.slice(1) || null };
  const at = path.indexOf("/", 1);
  if (at < 0) return { bucket: path.slice(1) || null, key: null };
  return { bucket: path.slice(1, at), key: path.slice(at + 1) || null };
}

export function queryOf({ query }: Pick<S3Request, "query">, name: string): string | undefined {
  return query.find(([each]) => each === name)?.[1];
}

/** A header's value, when it was sent once. Bytes beyond ASCII are one character each, as they came. */
export function headerOf({ req }: Pick<S3Request, "req">, name: string): string | undefined {
  const value = req.headers[name];
  return typeof value === "string" ? value : value?.join(",");
}

/** A whole number in the query, within bounds; throws `InvalidArgument`. */
export function numberOf(
  request: S3Request,
  name: string,
  { min, max, usual }: { min: number; max: number; usual: number },
): number {
  const text = queryOf(request, name);
  if (text === undefined || text === "") return usual;
  const number = /^\d{1,10}$/.test(text) ? Number(text) : -1;
  if (number < min) throw new S3Error("InvalidArgument", `${name} is a number from ${min} to ${max}.`);
  return Math.min(number, max);
}
