import { setTimeout as pause } from "node:timers/promises";
import { updateAllowances } from "#server/billing/allowance.ts";
import { connect } from "#server/db/client.ts";
import type { ConsoleEnv } from "#server/env.ts";
import { systemClock, type Clock } from "#server/std/clock.ts";
import { createLog, type Log } from "#server/std/log.ts";

const LOOK_EVERY_MS = 2_000;
/** Usage can come to an hour long past: of a stream that ran for hours, of a journal that a crash left. So now and then the whole month is looked at. */
const WHOLE_MONTH_EVERY_MS = 60_000;

export type AllowanceWatch = { stop(): Promise<void> };

/** Holds organizations to what their plan includes, for as long as the console runs. */
export function watchAllowances(env: Pick<ConsoleEnv, "DATABASE_URL" | "LOG_LEVEL">): AllowanceWatch {
  const db = connect(env.DATABASE_URL, { connectionsMax: 1 });
  const log = createLog("console", env.LOG_LEVEL);
  const look = lookAtAllowances({
    clock: systemClock,
    log,
    update: (since) => updateAllowances({ db, clock: systemClock }, since),
  });
  const watch = every(LOOK_EVERY_MS, look);
  return {
    async stop() {
      await watch.stop();
      await db.$disconnect();
    },
  };
}

type LookParts = { clock: Clock; log: Log; update: (since: Date) => ReturnType<typeof updateAllowances> };

/** One look after the other, each from where the last good one began; a trouble is said once, and once that it is over. */
export function lookAtAllowances({ clock, log, update }: LookParts): () => Promise<void> {
  let sinceMs = 0;
  let wholeMonthAtMs = 0;
  let isFailing = false;
  return async () => {
    const nowMs = clock.nowMs();
    const isWhole = nowMs - wholeMonthAtMs >= WHOLE_MONTH_EVERY_MS;
    try {
      const changed = await update(new Date(isWhole ? 0 : sinceMs));
      if (changed) {
        sinceMs = nowMs;
        if (isWhole) wholeMonthAtMs = nowMs;
        if (changed.stopped.length + changed.opened.length > 0) log.info(changed, "allowances changed");
      }
      if (isFailing) log.info("allowances are looked at again");
      isFailing = false;
    } catch (error) {
      if (!isFailing)
        log.error(
          { err: error },
          "allowances could not be looked at: verdicts stay as they are; tried again every 2 s",
        );
      isFailing = true;
    }
  };
}

/** Runs `work` again and again, `pauseMs` after its last run ended, so that it never overlaps itself. */
function every(pauseMs: number, work: () => Promise<void>): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await pause(pauseMs, undefined, { signal: stopping.signal }).catch(() => undefined);
      if (!stopping.signal.aborted) await work();
    }
  };
  const running = run();
  return {
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
