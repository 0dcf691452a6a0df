import { randomFillSync } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import type { TraceRecord } from "#server/runtime/meter/journal-record.ts";
import {
  formatTraceparent,
  parseTraceparent,
  passableTracestate,
  RANDOM_TRACE_ID,
  SAMPLED,
  type TraceParent,
} from "./trace-context.ts";

export type TracingOptions = {
  /** The share of calls that are recorded, from 0 to 1. */
  sampleRatio: number;
  /** Whether a caller's sampled flag decides in the ratio's place. Callers of a public gateway are strangers. */
  trustsCallers: boolean;
  /** Calls recorded in a second, whoever asks for more; may be less than one. */
  perSecondMax: number;
  random?: () => number;
  nowMs?: () => number;
};

/** A call's place in a trace. */
export type CallTrace = {
  /** For the function: the gateway's span is its parent. */
  readonly traceparent: string;
  readonly tracestate: string | undefined;
  /** For the caller: the gateway's span, and whether it is recorded. */
  readonly traceresponse: string;
  /** For the journal; undefined when nothing is recorded. */
  readonly recorded: Pick<TraceRecord, "traceId" | "spanId" | "parentId"> | undefined;
};

/** Decides, for each call, whether it is recorded and what function and caller are told. One a thread. */
export class Tracing {
  readonly #options: Required<TracingOptions>;
  #room: number;
  #roomAtMs = 0;

  constructor(options: TracingOptions) {
    this.#options = { random: Math.random, nowMs: Date.now, ...options };
    this.#room = Math.max(1, options.perSecondMax);
  }

  /**
   * Undefined when the caller sent no (valid) context and the call isn't recorded: then the function gets no `traceparent`.
   * One with a cleared flag would tell the function's own tracer, which heeds its parent's, to record nothing.
   */
  begin(headers: IncomingHttpHeaders): CallTrace | undefined {
    const caller = parseTraceparent(textOf(headers["traceparent"]));
    const isRecorded = this.#wants(caller) && this.#hasRoom();
    if (!caller && !isRecorded) return undefined;
    const spanId = randomHex(8);
    const traceId = caller?.traceId ?? randomHex(16);
    const randomId = caller ? caller.flags & RANDOM_TRACE_ID : RANDOM_TRACE_ID;
    const mark = (isSampled: boolean) =>
      formatTraceparent({ traceId, parentId: spanId, flags: randomId | (isSampled ? SAMPLED : 0) });
    return {
      traceparent: mark(isRecorded || isSampled(caller)),
      tracestate: caller && passableTracestate(textOf(headers["tracestate"])),
      traceresponse: mark(isRecorded),
      recorded: isRecorded ? { traceId, spanId, ...(caller ? { parentId: caller.parentId } : {}) } : undefined,
    };
  }

  #wants(caller: TraceParent | undefined): boolean {
    const { sampleRatio, trustsCallers, random } = this.#options;
    if (trustsCallers && caller) return isSampled(caller);
    // By our own dice, never by the trace's id: that one is the caller's choice.
    return sampleRatio > 0 && random() < sampleRatio;
  }

  /** A bucket that fills evenly and holds one second's worth. */
  #hasRoom(): boolean {
    const { perSecondMax, nowMs } = this.#options;
    const atMs = nowMs();
    const gained = ((atMs - this.#roomAtMs) / 1000) * perSecondMax;
    this.#room = Math.min(Math.max(1, perSecondMax), this.#room + Math.max(0, gained));
    this.#roomAtMs = atMs;
    if (this.#room < 1) return false;
    this.#room -= 1;
    return true;
  }
}

function isSampled(context: TraceParent | undefined): boolean {
  return context !== undefined && (context.flags & SAMPLED) !== 0;
}

function textOf(value: string | string[] | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** Drawn from the kernel many at a time; each byte is used once. */
const random = Buffer.alloc(8 * 512);
let randomUsed = random.length;

/** Random bytes as lower-case hex; never all zero, which means "none" in a trace. */
function randomHex(bytes: 8 | 16): string {
  for (;;) {
    if (randomUsed + bytes > random.length) {
      randomFillSync(random);
      randomUsed = 0;
    }
    const text = random.toString("hex", randomUsed, (randomUsed += bytes));
    if (/[^0]/.test(text)) return text;
  }
}
