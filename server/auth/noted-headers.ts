import type { IncomingMessage } from "node:http";

/** Set by the console's own HTTP server on every request, over whatever the caller sent under these names. */
export const CLIENT_ADDRESS_HEADER = "x-sluice-client-address";
/** The path that was asked for, which Next does not tell a server component. */
export const PATH_HEADER = "x-sluice-path";

export function noteRequest(req: IncomingMessage, options: { isBehindProxy: boolean }): void {
  req.headers[CLIENT_ADDRESS_HEADER] = clientAddress(req, options.isBehindProxy);
  req.headers[PATH_HEADER] = req.url?.split("?")[0] ?? "/";
}

type Peer = Pick<IncomingMessage, "headers"> & { socket: { remoteAddress?: string | undefined } };

/** The peer of the connection; behind a proxy that we were told to trust, the last address that it noted itself. */
export function clientAddress(req: Peer, isBehindProxy: boolean): string {
  const noted = req.headers["x-forwarded-for"];
  const last = isBehindProxy
    ? String(noted ?? "")
        .split(",")
        .at(-1)
        ?.trim()
    : undefined;
  return last || req.socket.remoteAddress || "unknown";
}
