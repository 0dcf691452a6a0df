import type { IncomingMessage } from "node:http";

/** Set by the console's own HTTP server on every request, over whatever the caller sent under that name. */
export const CLIENT_ADDRESS_HEADER = "x-sluice-client-address";

/** The peer of the connection; behind a proxy that we were told to trust, the last address that it noted itself. */
export function clientAddress(req: Pick<IncomingMessage, "headers" | "socket">, behindProxy: boolean): string {
  const noted = req.headers["x-forwarded-for"];
  const last = behindProxy ? String(noted ?? "").split(",").at(-1)?.trim() : undefined;
  return last || req.socket.remoteAddress || "unknown";
}
