import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import type { Resource } from "@opentelemetry/resources";
import { messageOf } from "#server/std/fault.ts";
import type { Log } from "#server/std/log.ts";
import { resourceOf, spansOf, type Span, type TracedCall } from "./call-spans.ts";

/** Spans that wait for the collector; past it they are dropped and counted. */
const WAITING_SPANS_MAX = 4_096;
const BATCH_SPANS_MAX = 512;
/** Spans gather for this long. */
const SEND_EVERY_MS = 1_000;
/** One batch's time, with the exporter's own retries (429, 502, 503, 504, broken connections). */
const SEND_MS_MAX = 10_000;
/** An operator is told of a collector that is away this often. */
const COMPLAIN_EVERY_MS = 60_000;

export type OtlpTarget = { url: string; headers: Record<string, string> };

/**
 * Sends the spans of calls to a collector over OTLP/HTTP, one batch at a time. Nobody waits for it. To be imported only
 * where an operator named a collector: OpenTelemetry's packages take 150 ms to load, and 25 MB.
 */
export class SpanExporter {
  readonly #log: Log;
  readonly #exporter: OTLPTraceExporter;
  readonly #resource: Resource;
  readonly #waiting: Span[] = [];
  #timer: NodeJS.Timeout | undefined;
  #sending: Promise<void> = Promise.resolve();
  #complainedAtMs = 0;
  sentSpans = 0;
  droppedSpans = 0;

  constructor(of: { target: OtlpTarget; epoch: bigint; region: string; log: Log }) {
    const { url, headers } = of.target;
    this.#exporter = new OTLPTraceExporter({ url, headers, timeoutMillis: SEND_MS_MAX });
    this.#resource = resourceOf(of);
    this.#log = of.log;
  }

  add(call: TracedCall): void {
    const spans = spansOf(call, this.#resource);
    // All spans of a call or none: a part of a trace misleads.
    if (this.#waiting.length + spans.length > WAITING_SPANS_MAX) {
      this.droppedSpans += spans.length;
      return;
    }
    this.#waiting.push(...spans);
    this.#timer ??= setTimeout(() => this.#start(), SEND_EVERY_MS);
  }

  /** Sends what waits, as far as the time goes. */
  async close(timeMsMax: number): Promise<void> {
    clearTimeout(this.#timer);
    this.#start();
    await Promise.race([this.#sending, new Promise((resolve) => setTimeout(resolve, timeMsMax).unref())]);
    this.droppedSpans += this.#waiting.splice(0).length;
  }

  #start(): void {
    this.#timer = undefined;
    this.#sending = this.#sending.then(() => this.#sendAll());
  }

  async #sendAll(): Promise<void> {
    while (this.#waiting.length > 0) await this.#send(this.#waiting.splice(0, BATCH_SPANS_MAX));
  }

  #send(batch: Span[]): Promise<void> {
    return new Promise((resolve) => {
      this.#exporter.export(batch, ({ error }) => {
        if (error) this.#lost(batch.length, error);
        else this.sentSpans += batch.length;
        resolve();
      });
    });
  }

  #lost(spans: number, error: Error): void {
    this.droppedSpans += spans;
    if (Date.now() - this.#complainedAtMs < COMPLAIN_EVERY_MS) return;
    this.#complainedAtMs = Date.now();
    this.#log.warn(
      { reason: messageOf(error), droppedSpans: this.droppedSpans },
      "spans could not be sent to the collector and are dropped",
    );
  }
}
