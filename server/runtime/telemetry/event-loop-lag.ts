import { monitorEventLoopDelay } from "node:perf_hooks";

/** How often the loop is asked; what is shorter than this can't be told. */
const RESOLUTION_MS = 10;
/** A scrape every 15 s sees each span of time once. */
const SPAN_MS = 15_000;
const NS_PER_S = 1e9;

/** How late a thread's event loop came to its work in the last quarter of a minute. */
export type Lag = { p50S: number; p99S: number; maxS: number };

/** Memory through which a thread tells another of its lag. */
export function lagMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(3 * Float64Array.BYTES_PER_ELEMENT);
}

/** Watches this thread's event loop for as long as it lives. It costs a timer every 10 ms. */
export function tellLag(memory: SharedArrayBuffer): void {
  const told = new Float64Array(memory);
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  setInterval(() => {
    // The delay is measured from the turn before, so the timer's own period is in it.
    const late = (ns: number) => Math.max(0, ns - RESOLUTION_MS * 1e6) / NS_PER_S;
    told.set([late(delay.percentile(50)), late(delay.percentile(99)), late(delay.max)]);
    delay.reset();
  }, SPAN_MS).unref();
}

export function readLag(memory: SharedArrayBuffer): Lag {
  const [p50S = 0, p99S = 0, maxS = 0] = new Float64Array(memory);
  return { p50S, p99S, maxS };
}
