import { z } from "zod";
import type { EndRecord, JournalRecord, TraceRecord } from "#server/runtime/meter/journal-record.ts";
import type { Log } from "#server/std/log.ts";
import { callTotals, CallTotals } from "./call-totals.ts";
import { openRequestLog, RequestLog } from "./request-log.ts";
import type { SpanExporter } from "./span-exporter.ts";

/** How long a stop waits for a slow reader of lines or spans. */
const CLOSE_MS_MAX = 2_000;

/** What an operator set for the telemetry of calls. */
export const telemetrySettings = z.object({
  region: z.string(),
  /** A descriptor or a file's path; null: no line a request is written. */
  requestLog: z.union([z.number(), z.string()]).nullable(),
  /** Where spans go; null: nowhere. */
  otlp: z.object({ url: z.string(), headers: z.record(z.string(), z.string()) }).nullable(),
});
export type TelemetrySettings = z.infer<typeof telemetrySettings>;

/** The numbers of a life so far. */
export const callReport = z.object({
  totals: callTotals,
  requestLinesDropped: z.number(),
  spansSent: z.number(),
  spansDropped: z.number(),
});
export type CallReport = z.infer<typeof callReport>;

/** Sees each call once, when it is over, and tells the outside: as numbers, as a line, as spans. */
export class CallWatch {
  readonly #totals = new CallTotals();
  readonly #lines: RequestLog | undefined;
  readonly #spans: SpanExporter | undefined;

  private constructor(lines: RequestLog | undefined, spans: SpanExporter | undefined) {
    this.#lines = lines;
    this.#spans = spans;
  }

  static async open(settings: TelemetrySettings, of: { epoch: bigint; log: Log }): Promise<CallWatch> {
    const { region, requestLog, otlp } = settings;
    const lines = requestLog === null ? undefined : new RequestLog({ fd: openRequestLog(requestLog), region, ...of });
    if (otlp === null) return new CallWatch(lines, undefined);
    const exporter = await import("./span-exporter.ts");
    return new CallWatch(lines, new exporter.SpanExporter({ target: otlp, region, ...of }));
  }

  see(records: readonly JournalRecord[]): void {
    for (const record of records) {
      if (record.kind !== "end") continue;
      this.#totals.add(record);
      this.#lines?.write(record);
      if (this.#spans && isTraced(record)) this.#spans.add(record);
    }
  }

  report(): CallReport {
    return {
      totals: this.#totals.read(),
      requestLinesDropped: this.#lines?.droppedLines ?? 0,
      spansSent: this.#spans?.sentSpans ?? 0,
      spansDropped: this.#spans?.droppedSpans ?? 0,
    };
  }

  async close(): Promise<void> {
    await Promise.all([this.#lines?.close(CLOSE_MS_MAX), this.#spans?.close(CLOSE_MS_MAX)]);
  }
}

function isTraced(record: EndRecord): record is EndRecord & { trace: TraceRecord } {
  return record.trace !== undefined;
}
