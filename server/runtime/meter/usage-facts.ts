import type { UsageFact } from "#server/metering/ledger.ts";
import type { JournalRecord } from "./journal-record.ts";

type Call = Extract<JournalRecord, { kind: "checkpoint" | "end" }>;

/** What a journal record says to the ledger; STARTs and CHECKPOINTs say nothing until it is known how the call ended. */
export function factOf(epoch: bigint, record: JournalRecord): UsageFact | undefined {
  switch (record.kind) {
    case "start":
    case "checkpoint":
      return undefined;
    case "end":
      return {
        ...callFact(epoch, record),
        kind: record.outcome === "platform_failed" || record.outcome === "refused" ? "unbilled" : "request",
        status: record.status,
        outcome: record.outcome,
        startUs: record.startUs ?? null,
      };
    case "after":
    case "background":
    case "unbilled":
      return {
        epoch,
        seq: BigInt(record.seq),
        kind: record.kind,
        organizationId: record.organizationId,
        functionId: record.functionId,
        versionId: record.versionId,
        requestId: record.requestId,
        occurredAtMs: record.atMs,
        method: null,
        path: null,
        status: null,
        outcome: record.outcome,
        wallUs: 0,
        cpuNs: record.cpuNs,
        ingressBytes: 0,
        egressBytes: record.egressBytes ?? 0,
        coldStart: false,
      };
  }
}

/** A call that was being served when the platform died: known from its last CHECKPOINT, kept, and never charged. */
export function lostFact(epoch: bigint, record: Call): UsageFact {
  return { ...callFact(epoch, record), kind: "unbilled", status: null, outcome: "lost" };
}

function callFact(epoch: bigint, record: Call): Omit<UsageFact, "kind" | "status" | "outcome" | "startUs"> {
  return {
    epoch,
    seq: BigInt(record.seq),
    organizationId: record.organizationId,
    functionId: record.functionId,
    versionId: record.versionId,
    requestId: record.requestId,
    occurredAtMs: record.atMs,
    method: record.method,
    path: record.path,
    wallUs: record.wallUs,
    cpuNs: record.cpuNs,
    ingressBytes: record.ingressBytes,
    egressBytes: record.egressBytes,
    coldStart: record.coldStart,
  };
}
