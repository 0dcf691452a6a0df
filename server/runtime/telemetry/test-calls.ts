import { randomBytes } from "node:crypto";
import type { EndRecord } from "#server/runtime/meter/journal-record.ts";
import type { TracedCall } from "./call-spans.ts";

/** A call that is over, as the journal has it. */
export function endedCall(seq: number, more: Partial<EndRecord> = {}): EndRecord {
  return {
    kind: "end",
    seq,
    organizationId: "org_1",
    functionId: "fn_1",
    versionId: "ver_1",
    requestId: `req_${seq}`,
    atMs: Date.parse("2026-11-24T10:00:00.123Z"),
    method: "GET",
    path: "/hello?token=secret",
    wallUs: 2_500,
    cpuNs: 800_000,
    ingressBytes: 0,
    egressBytes: 12,
    coldStart: false,
    status: 200,
    outcome: "ok",
    ...more,
  };
}

export function tracedCall(seq: number, more: Partial<EndRecord> = {}): TracedCall {
  const trace = { traceId: randomBytes(16).toString("hex"), spanId: randomBytes(8).toString("hex"), waitUs: 0 };
  return { ...endedCall(seq, more), trace: { ...trace, ...more.trace } };
}
