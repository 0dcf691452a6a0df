import { connect, disconnect } from "#server/db/client.ts";
import type { ConsoleEnv } from "#server/env.ts";
import { MINUTE_MS } from "#server/std/clock.ts";
import { createLog } from "#server/std/log.ts";
import { sweepKeys } from "#server/storage/kv/sweep.ts";
import { repeat } from "./repeat.ts";

export type StorageJobs = { stop(): Promise<void> };

/** Removes what has expired, for as long as the console runs. May run in several consoles at once. */
export function startStorage(env: Pick<ConsoleEnv, "DATABASE_URL" | "LOG_LEVEL">): StorageJobs {
  const db = connect(env.DATABASE_URL, { connectionsMax: 1 });
  const log = createLog("console", env.LOG_LEVEL);
  const sweep = repeat(
    {
      name: "keys",
      everyMs: MINUTE_MS,
      run: async () => {
        const { expired, orphaned } = await sweepKeys(db);
        if (expired + orphaned > 0) log.info({ job: "keys", expired, orphaned }, "keys: swept");
      },
    },
    log,
  );
  return {
    async stop() {
      await sweep.stop();
      await disconnect(db);
    },
  };
}
