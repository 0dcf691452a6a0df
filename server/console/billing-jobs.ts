import { keepBudgets } from "#server/billing/budget-keeper.ts";
import { connect } from "#server/db/client.ts";
import type { ConsoleEnv } from "#server/env.ts";
import { systemClock } from "#server/std/clock.ts";
import { createLog } from "#server/std/log.ts";
import { repeat, type Job } from "./repeat.ts";

const BUDGETS_EVERY_MS = 2_000;

/** What billing does by itself, for as long as the console runs. Each job may run in several consoles at once. */
export function startBilling(env: Pick<ConsoleEnv, "DATABASE_URL" | "LOG_LEVEL">): { stop(): Promise<void> } {
  const db = connect(env.DATABASE_URL, { connectionsMax: 2 });
  const log = createLog("console", env.LOG_LEVEL);
  const tools = { db, clock: systemClock };
  const jobs: Job[] = [
    {
      name: "budgets",
      everyMs: BUDGETS_EVERY_MS,
      run: async () => {
        const kept = await keepBudgets(tools);
        if (kept > 0) log.info({ job: "budgets", kept }, "budgets renewed");
      },
    },
  ];
  const running = jobs.map((job) => repeat(job, log));
  return {
    async stop() {
      await Promise.all(running.map((job) => job.stop()));
      await db.$disconnect();
    },
  };
}
