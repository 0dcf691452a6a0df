import { originalPositionFor, TraceMap } from "@jridgewell/trace-mapping";
import type { Readiness as ReadinessResult, VersionSpec } from "#server/contract/prepare.ts";
import { ownPath } from "./bundle.ts";

/** Asks the runtime whether a version starts, and keeps the started instance warm for its first call. */
export interface Readiness {
  prepare(spec: VersionSpec): Promise<ReadinessResult>;
  /** Says that a function's deployment changed, so that whoever deployed finds it live at once; never throws, as NOTIFY tells it too. */
  changed(functionId: string): Promise<void>;
}

export type StartError = { message: string; file: string | null; line: number | null; column: number | null };

type FailedStart = Extract<ReadinessResult, { kind: "failed" }>;

/** A failed start told in the tenant's own files; without a place when it happened in code that the map doesn't know. */
export function startError({ message, position }: FailedStart, sourceMap: string): StartError {
  if (!position) return { message, file: null, line: null, column: null };
  const original = originalPositionFor(new TraceMap(sourceMap), {
    line: Math.max(1, position.line),
    column: Math.max(0, position.column - 1),
  });
  if (original.source === null) return { message, file: null, line: null, column: null };
  return { message, file: ownPath(original.source), line: original.line, column: original.column + 1 };
}
