import { STATUS_CODES, type ServerResponse } from "node:http";
import type { CallTrace } from "./tracing.ts";

/** The codes that callers rely on. */
export const answerCodes = [
  "bad_request",
  "spend_cap_reached",
  "function_not_found",
  "method_not_allowed",
  "body_too_large",
  "rate_limited",
  "too_many_concurrent",
  "function_threw",
  "cpu_limit",
  "function_crashed",
  "memory_limit",
  "platform_failed",
  "overloaded",
  "time_limit",
] as const;
export type AnswerCode = (typeof answerCodes)[number];

/** What the platform answers itself. */
const statusOf = {
  bad_request: 400,
  spend_cap_reached: 402,
  function_not_found: 404,
  method_not_allowed: 405,
  body_too_large: 413,
  rate_limited: 429,
  too_many_concurrent: 429,
  function_threw: 500,
  cpu_limit: 502,
  function_crashed: 502,
  memory_limit: 502,
  platform_failed: 502,
  overloaded: 503,
  time_limit: 504,
} as const satisfies Record<AnswerCode, number>;

export type PlatformAnswer = { code: AnswerCode; message: string };

export function answerStatus(code: AnswerCode): number {
  return statusOf[code];
}

/** The body of a platform's answer: `{"error":{"code","message"}}`. */
export function answerBody({ code, message }: PlatformAnswer): Buffer {
  return Buffer.from(JSON.stringify({ error: { code, message } }));
}

/** Answers in the platform's name, unless an answer has begun; then the connection is cut, as only that says it is broken. */
export function sendAnswer(res: ServerResponse, requestId: string, answer: PlatformAnswer, trace?: CallTrace): number {
  if (res.headersSent) {
    res.destroy();
    return 0;
  }
  const body = answerBody(answer);
  // With its words, as those of an answer that could not be passed on would stay: Node throws at ones that it can't send.
  res.writeHead(statusOf[answer.code], STATUS_CODES[statusOf[answer.code]] ?? "", {
    "content-type": "application/json",
    "content-length": body.length,
    "cache-control": "no-store",
    "x-request-id": requestId,
    ...(trace ? { traceresponse: trace.traceresponse } : {}),
    ...(statusOf[answer.code] === 429 || statusOf[answer.code] === 503 ? { "retry-after": "1" } : {}),
    // What the platform didn't read of a body can't be told from a next request.
    ...(answer.code === "body_too_large" ? { connection: "close" } : {}),
  });
  res.end(body);
  return body.length;
}
