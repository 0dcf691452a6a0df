import type { IncomingMessage, ServerResponse } from "node:http";

const DRAIN_MS_MAX = 5_000;

/**
 * An answer may be out before the request's body was read: by a function that doesn't want it, or by a refusal. What
 * is left must be taken off the connection, or the next request on it is never seen; a caller who sends on and on is cut.
 */
export function drainAfterAnswer(req: IncomingMessage, res: ServerResponse): void {
  if (req.headers["content-length"] === undefined && req.headers["transfer-encoding"] === undefined) return;
  res.once("finish", () => {
    if (req.complete) return;
    const timer = setTimeout(() => req.socket.destroy(), DRAIN_MS_MAX);
    req.once("close", () => clearTimeout(timer));
    req.unpipe();
    req.resume();
  });
}
