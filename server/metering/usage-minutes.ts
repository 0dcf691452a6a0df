import type { Db } from "#server/db/client.ts";
import { DAY_MS, type Clock } from "#server/std/clock.ts";

/** Charts reach seven days back. */
const MINUTES_KEPT_MS = 8 * DAY_MS;

/** Removes the counters of minutes that no chart shows any more. */
export async function pruneUsageMinutes({ db, clock }: { db: Db; clock: Clock }): Promise<number> {
  const { count } = await db.usageMinute.deleteMany({
    where: { minuteAt: { lt: new Date(clock.nowMs() - MINUTES_KEPT_MS) } },
  });
  return count;
}
