import { setTimeout as pause } from "node:timers/promises";
import type { Log } from "#server/std/log.ts";

export type Job = {
  /** A noun phrase for the log: "budgets". */
  name: string;
  everyMs: number;
  run: () => Promise<void>;
};

/**
 * Runs a job again and again, `everyMs` after its last run ended, so that it never overlaps itself. A run that fails is
 * tried again at the next turn; the trouble is said once, and once that it is over.
 */
export function repeat(job: Job, log: Log): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const turn = turnOf(job, log);
  const running = (async () => {
    while (!stopping.signal.aborted) {
      await turn();
      await pause(job.everyMs, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  })();
  return {
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

/** One turn of a job; it remembers whether the last one failed. */
export function turnOf({ name, run }: Job, log: Log): () => Promise<void> {
  let isFailing = false;
  return async () => {
    try {
      await run();
      if (isFailing) log.info({ job: name }, `${name}: works again`);
      isFailing = false;
    } catch (error) {
      if (!isFailing) log.error({ job: name, err: error }, `${name}: failed; tried again at every turn`);
      isFailing = true;
    }
  };
}
