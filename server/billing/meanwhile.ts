import { setTimeout as pause } from "node:timers/promises";

/**
 * Does something again and again while something else goes on, `everyMs` after it was done last. `stop` waits for what is
 * under way, and rejects if it has failed at any time: from then on it wasn't done any more.
 */
export function meanwhile(everyMs: number, work: () => Promise<void>): { stop(): Promise<void> } {
  const over = new AbortController();
  const running = (async () => {
    while (!over.signal.aborted) {
      await work();
      await pause(everyMs, undefined, { signal: over.signal }).catch(() => undefined);
    }
  })();
  // Told by `stop`; until then it must not end the process.
  running.catch(() => undefined);
  return {
    stop() {
      over.abort();
      return running;
    },
  };
}
