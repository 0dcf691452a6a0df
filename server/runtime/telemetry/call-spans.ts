import { SpanKind, SpanStatusCode } from "@opentelemetry/api";
import type { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { resourceFromAttributes, type Resource } from "@opentelemetry/resources";
import type { EndRecord, TraceRecord } from "#server/runtime/meter/journal-record.ts";
import { withoutQuery } from "./request-log.ts";

/** A finished span, as OpenTelemetry's exporter takes it. */
export type Span = Parameters<OTLPTraceExporter["export"]>[0][number];
export type TracedCall = EndRecord & { trace: TraceRecord };
type SpanContext = ReturnType<Span["spanContext"]>;

const SAMPLED = 1;
const US_PER_S = 1_000_000;

/** Methods that the conventions know; any other is called "_OTHER". */
const METHODS = new Set(["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE", "QUERY"]);

/** Who speaks: the process, not the tenant. */
export function resourceOf(of: { epoch: bigint; region: string }): Resource {
  return resourceFromAttributes({
    "service.name": "sluice-runtime",
    "service.instance.id": String(of.epoch),
    "cloud.region": of.region,
  });
}

/**
 * The spans of a call: the gateway's own, the wait until its instance took requests, and the instance's work. Ids of the
 * two inner ones are made from the gateway's, so that a call that is sent twice is the same spans twice.
 */
export function spansOf(call: TracedCall, resource: Resource): Span[] {
  const { trace, wallUs } = call;
  const parent = contextOf(trace.traceId, trace.spanId);
  const waitedUs = Math.min(wallUs, Math.max(trace.waitUs ?? wallUs, call.startUs ?? 0));
  const part = (name: string, id: string, [fromUs, toUs]: [number, number]): Span[] =>
    toUs > fromUs
      ? [
          {
            ...spanFrom(call, resource, { fromUs, toUs }),
            name,
            kind: SpanKind.INTERNAL,
            spanContext: () => contextOf(trace.traceId, id),
            parentSpanContext: parent,
            attributes: {},
          },
        ]
      : [];
  return [
    gatewaySpan(call, resource),
    ...part(call.coldStart ? "instance start" : "instance wait", siblingId(trace.spanId, 1), [0, waitedUs]),
    ...part("function", siblingId(trace.spanId, 2), [waitedUs, wallUs]),
  ];
}

function gatewaySpan(call: TracedCall, resource: Resource): Span {
  const { trace } = call;
  const method = METHODS.has(call.method) ? call.method : "_OTHER";
  return {
    ...spanFrom(call, resource, { fromUs: 0, toUs: call.wallUs }),
    name: method === "_OTHER" ? "HTTP" : method,
    kind: SpanKind.SERVER,
    spanContext: () => contextOf(trace.traceId, trace.spanId),
    ...(trace.parentId === undefined
      ? {}
      : { parentSpanContext: { ...contextOf(trace.traceId, trace.parentId), isRemote: true } }),
    status: { code: call.status >= 500 ? SpanStatusCode.ERROR : SpanStatusCode.UNSET },
    attributes: {
      "http.request.method": method,
      ...(method === "_OTHER" ? { "http.request.method_original": call.method } : {}),
      "url.scheme": "http",
      "url.path": withoutQuery(call.path),
      "http.response.status_code": call.status,
      ...(call.status >= 500 ? { "error.type": call.outcome === "ok" ? String(call.status) : call.outcome } : {}),
      "http.request.body.size": call.ingressBytes,
      "http.response.body.size": call.egressBytes,
      "faas.trigger": "http",
      "faas.name": call.functionId,
      "faas.version": call.versionId,
      "faas.invocation_id": call.requestId,
      "faas.coldstart": call.coldStart,
      "sluice.organization_id": call.organizationId,
      "sluice.outcome": call.outcome,
      "sluice.cpu_ns": call.cpuNs,
    },
  };
}

/** What all spans of a call have alike; the times are counted from when the request came. */
function spanFrom(call: TracedCall, resource: Resource, { fromUs, toUs }: { fromUs: number; toUs: number }) {
  const at = (us: number): [number, number] => hrTime(call.atMs * 1000 + us);
  return {
    startTime: at(fromUs),
    endTime: at(toUs),
    duration: hrTime(toUs - fromUs),
    ended: true,
    status: { code: SpanStatusCode.UNSET },
    links: [],
    events: [],
    resource,
    instrumentationScope: { name: "sluice" },
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
}

/** Seconds and nanoseconds. Microseconds since 1970 are whole numbers that a double holds exactly. */
function hrTime(us: number): [number, number] {
  return [Math.floor(us / US_PER_S), Math.round(us % US_PER_S) * 1000];
}

function contextOf(traceId: string, spanId: string): SpanContext {
  return { traceId, spanId, traceFlags: SAMPLED };
}

/** Another span's id, made of this one by changing its last digit. Ids are random, so none meets another by that. */
function siblingId(spanId: string, which: 1 | 2): string {
  return spanId.slice(0, -1) + (Number.parseInt(spanId.slice(-1), 16) ^ which).toString(16);
}
