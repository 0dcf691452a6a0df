import { z } from "zod";

/** How a request ended. The platform's own failures are never charged. */
export const requestOutcome = z.enum([
  "ok", // the function answered, whatever its status
  "client_gone", // the caller hung up before the answer was whole
  "function_threw",
  "function_crashed",
  "cpu_limit",
  "memory_limit",
  "time_limit",
  "body_too_large",
  "aborted", // the answer broke off half-way
  "lost", // START without END: the runtime was killed; charged up to the last checkpoint, and not as a request
  "platform_failed",
  "refused", // no instance had room; charged as nothing
]);
export type RequestOutcome = z.infer<typeof requestOutcome>;

/** Upper bounds of the buckets in which cold starts are shown, to tenants and to operators. One start takes 15 to 50 ms. */
export const coldStartBoundsMs = [5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000] as const;

/** One call as the ledger and the pages show it. */
export type RequestRecord = {
  requestId: string;
  functionId: string;
  versionNumber: number;
  occurredAtMs: number;
  method: string;
  path: string;
  status: number;
  outcome: RequestOutcome;
  wallUs: number;
  cpuNs: bigint;
  ingressBytes: bigint;
  egressBytes: bigint;
  coldStart: boolean;
};

export const logLevel = z.enum(["debug", "log", "info", "warn", "error"]);
export type LogLevel = z.infer<typeof logLevel>;
