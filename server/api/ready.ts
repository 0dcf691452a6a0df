import { setTimeout as delay } from "node:timers/promises";
import { messageOf } from "#server/std/fault.ts";
import { parts } from "./context.ts";

const ANSWER_MS_MAX = 2_000;

/** Whether the console's database answers a question in time. */
export async function isReady(): Promise<boolean> {
  const { db, log } = parts();
  const answers = db.$queryRaw`SELECT 1`.then(
    () => true,
    (thrown: unknown) => {
      log.warn({ reason: messageOf(thrown) }, "not ready");
      return false;
    },
  );
  return Promise.race([answers, delay(ANSWER_MS_MAX, false, { ref: false })]);
}
