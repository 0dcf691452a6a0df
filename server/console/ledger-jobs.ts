import { connect } from "#server/db/client.ts";
import type { ConsoleEnv } from "#server/env.ts";
import { strandedEpochs } from "#server/metering/epochs.ts";
import { keepLedgerMonths } from "#server/metering/ledger-months.ts";
import { sealHours } from "#server/metering/seals.ts";
import { pruneUsageMinutes } from "#server/metering/usage-minutes.ts";
import { HOUR_MS, systemClock } from "#server/std/clock.ts";
import { createLog, type Log } from "#server/std/log.ts";
import { repeat } from "./repeat.ts";

const SEALS_EVERY_MS = 30_000;

export type LedgerJobs = { stop(): Promise<void> };

/** Closes the ledger's hours and keeps its months, for as long as the console runs. Each job may run in several consoles at once. */
export function startLedger(env: Pick<ConsoleEnv, "DATABASE_URL" | "LOG_LEVEL">): LedgerJobs {
  const db = connect(env.DATABASE_URL, { connectionsMax: 2 });
  const log = createLog("console", env.LOG_LEVEL);
  const tools = { db, clock: systemClock };
  const sayUnequal = onChange(log, "hours can't be sealed: their counters are not the sum of their facts");
  const sayStranded = onChange(
    log,
    "hours wait for runtimes that are gone: start them once more where they ran, or give their journals up",
  );
  const running = [
    repeat(
      {
        name: "seals",
        everyMs: SEALS_EVERY_MS,
        run: async () => {
          const report = await sealHours(tools);
          if (!report) return;
          if (report.sealed > 0) log.info({ job: "seals", sealed: report.sealed }, `seals: ${report.sealed}`);
          sayUnequal(report.unequal);
          sayStranded(await strandedEpochs(tools));
        },
      },
      log,
    ),
    repeat(
      {
        name: "ledger months",
        everyMs: HOUR_MS,
        run: async () => {
          const { made, dropped } = await keepLedgerMonths(tools);
          if (made.length + dropped.length > 0)
            log.info({ job: "ledger months", made, dropped }, "ledger months: kept");
          await pruneUsageMinutes(tools);
        },
      },
      log,
    ),
  ];
  return {
    async stop() {
      await Promise.all(running.map((job) => job.stop()));
      await db.$disconnect();
    },
  };
}

/** Warns of what needs somebody to look, once each time that it becomes something else. */
function onChange(log: Log, text: string): (found: readonly object[]) => void {
  let said = "";
  return (found) => {
    const things = JSON.stringify(found, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value));
    if (found.length > 0 && things !== said) log.warn({ found: things }, text);
    said = things;
  };
}
