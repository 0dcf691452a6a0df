import superjson from "superjson";
import type { FailureData } from "./trpc.ts";

/** Ten megabytes of source may grow six-fold when JSON escapes them. */
const BODY_BYTES_MAX = 64 * 1024 * 1024;

/** A refusal of a body that would fill the console's memory, before a byte of it is read; in the form that tRPC's client expects. */
export function refuseBody(req: Request): Response | null {
  if (req.method !== "POST") return null;
  const length = req.headers.get("content-length");
  if (length === null) return refusal(411, "Say how long the body is: send content-length.");
  if (Number(length) <= BODY_BYTES_MAX) return null;
  return refusal(
    413,
    `That is too large: a request has ${BODY_BYTES_MAX / 1024 / 1024} MB at most. Send less at once.`,
  );
}

function refusal(status: 411 | 413, message: string): Response {
  const failure: FailureData = { faultCode: "too_large", field: null };
  const error = { message, code: -32_600, data: { code: "PAYLOAD_TOO_LARGE", httpStatus: status, ...failure } };
  // The rest of the body is not read, so the connection can't be used again.
  return Response.json({ error: superjson.serialize(error) }, { status, headers: { connection: "close" } });
}
