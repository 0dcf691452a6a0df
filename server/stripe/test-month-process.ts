import { connect } from "#server/db/client.ts";
import { createLog } from "#server/std/log.ts";
import { createStripe } from "./client.ts";
import { jobsOf } from "./test-billing.ts";

/** One round of all that the console does by itself, as a process of its own, for tests that kill it. */
const [databaseUrl = "", apiBase = "", secretKey = "", nowText = ""] = process.argv.slice(2);
const nowMs = Number(nowText);
const [db, locks] = [connect(databaseUrl, { connectionsMax: 3 }), connect(databaseUrl, { connectionsMax: 6 })];
const tools = {
  db,
  locks,
  stripe: createStripe({ secretKey, apiBase, timeoutMs: 5_000 }),
  clock: { nowMs: () => nowMs, monotonicUs: () => performance.now() * 1_000 },
  log: createLog("test", "silent"),
};
for (const job of jobsOf(tools)) await job();
await Promise.all([db.$disconnect(), locks.$disconnect()]);
