import { connect } from "#server/db/client.ts";
import { createLog } from "#server/std/log.ts";
import { createStripe } from "./client.ts";
import { feedOutbox } from "./outbox.ts";
import { sendRound } from "./sender.ts";

/** The sender as a process of its own, for tests that kill it: feeds and sends until nothing is due, then says so and ends. */
const [databaseUrl = "", apiBase = "", secretKey = "", nowText = ""] = process.argv.slice(2);
const nowMs = Number(nowText);
const [db, locks] = [connect(databaseUrl, { connectionsMax: 3 }), connect(databaseUrl, { connectionsMax: 3 })];
const tools = {
  db,
  locks,
  stripe: createStripe({ secretKey, apiBase, timeoutMs: 5_000 }),
  clock: { nowMs: () => nowMs, monotonicUs: () => performance.now() * 1_000 },
  log: createLog("test", "silent"),
};
await feedOutbox(tools);
for (;;) {
  const round = await sendRound(tools, { rateMax: 1_000, parallelMax: 3 });
  // Undefined: the lock of one that was killed is let go as soon as Postgres notices.
  if (round && (round.sent === 0 || round.isAway)) break;
}
process.stdout.write("nothing is due\n");
await Promise.all([db.$disconnect(), locks.$disconnect()]);
