import { closeSync } from "node:fs";
import { requestLogTarget, type RuntimeEnv } from "#server/env.ts";
import type { TracingOptions } from "#server/runtime/gateway/tracing.ts";
import { Fault, messageOf } from "#server/std/fault.ts";
import type { TelemetrySettings } from "./call-watch.ts";
import { openRequestLog } from "./request-log.ts";

/** Where calls are told of, as the operator set it. A file that can't be written is a fault at the start, while somebody looks. */
export function telemetryOf(env: RuntimeEnv): TelemetrySettings {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_EXPORTER_OTLP_HEADERS: headers } = env;
  const otlp = endpoint === undefined ? null : { url: `${endpoint.replace(/\/+$/, "")}/v1/traces`, headers };
  const requestLog = requestLogTarget(env);
  if (typeof requestLog === "string") checkWritable(requestLog);
  return { region: env.REGION, requestLog, otlp };
}

function checkWritable(path: string): void {
  try {
    closeSync(openRequestLog(path));
  } catch (cause) {
    const message = `The file that REQUEST_LOG names can't be written: ${messageOf(cause)}. Make its folder, or name another file, or "off".`;
    throw new Fault("invalid", message, { cause });
  }
}

/**
 * Which calls one of so many threads traces. Without a collector none is; contexts of callers are passed on all the same.
 * The bound is divided among the threads, as connections are.
 */
export function tracingOf(env: RuntimeEnv, threads: number): TracingOptions {
  const hasCollector = env.OTEL_EXPORTER_OTLP_ENDPOINT !== undefined;
  return {
    sampleRatio: hasCollector ? (env.TRACE_SAMPLE_RATIO ?? 1) : 0,
    trustsCallers: hasCollector && env.TRACE_TRUST_CALLERS,
    perSecondMax: env.TRACES_PER_SECOND_MAX / threads,
  };
}
