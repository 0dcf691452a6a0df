import { setTimeout as delay } from "node:timers/promises";
import { request } from "undici";
import type { Db } from "#server/db/client.ts";
import { messageOf } from "#server/std/fault.ts";
import type { Log } from "#server/std/log.ts";
import { parts } from "./context.ts";

const ANSWER_MS_MAX = 2_000;

/** Why this console is not ready, in words for an operator; none when it is. */
export function consoleUnready(): Promise<string[]> {
  const { db, env, log } = parts();
  return unreadyReasons({ db, runtimeUrl: env.RUNTIME_URL, log });
}

/** Asks what a console can't do without: its database, and the runtime to which it deploys. */
export async function unreadyReasons({
  db,
  runtimeUrl,
  log,
}: {
  db: Db;
  runtimeUrl: string;
  log: Log;
}): Promise<string[]> {
  const questions: [string, Promise<unknown>][] = [
    ["Postgres does not answer, so no page can be shown", db.$queryRaw`SELECT 1`],
    ["the runtime does not answer, so nothing can be deployed", askRuntime(runtimeUrl)],
  ];
  const answers = questions.map(async ([reason, answer]) => {
    try {
      await Promise.race([answer, delay(ANSWER_MS_MAX, undefined, { ref: false }).then(tooLate)]);
      return [];
    } catch (thrown) {
      log.warn({ reason: messageOf(thrown) }, `not ready: ${reason}`);
      return [reason];
    }
  });
  return (await Promise.all(answers)).flat();
}

/** Whether it is alive; what keeps it from being ready, its own `/readyz` tells. */
async function askRuntime(runtimeUrl: string): Promise<void> {
  const answer = await request(new URL("/healthz", runtimeUrl), { signal: AbortSignal.timeout(ANSWER_MS_MAX) });
  await answer.body.dump();
  if (answer.statusCode !== 200) throw new Error(`it answered ${answer.statusCode}`);
}

function tooLate(): never {
  throw new Error(`no answer in ${ANSWER_MS_MAX / 1000} s`);
}
