import { createHash } from "node:crypto";
import type { Db } from "#server/db/client.ts";
import type { Clock } from "#server/std/clock.ts";
import { Fault } from "#server/std/fault.ts";

const MINUTE_MS = 60_000;

/** Kept in Postgres, so that neither a restart nor a second console gives a guesser a fresh start. */
export const attemptLimits = {
  email: { windowMs: 15 * MINUTE_MS, attemptsMax: 10 },
  address: { windowMs: 15 * MINUTE_MS, attemptsMax: 100 },
  signUp: { windowMs: 60 * MINUTE_MS, attemptsMax: 100 },
} as const;
type LimitName = keyof typeof attemptLimits;

export type Attempt = { key: string; windowAt: Date };

/** Addresses of people do not lie readable in a table of failures. */
export function attemptKey(limit: LimitName, subject: string): string {
  return limit === "email"
    ? `email:${createHash("sha256").update(subject).digest("hex")}`
    : `${limit}:${subject.slice(0, 64)}`;
}

/**
 * Counts an attempt before it is tried, so that a burst of guesses can't all pass the check at once; a fault past the limit.
 * Give it back with `forgiveAttempt` when it was no failure.
 */
export async function countAttempt(
  tools: { db: Db; clock: Clock },
  of: { limit: LimitName; subject: string },
): Promise<Attempt> {
  const { windowMs, attemptsMax } = attemptLimits[of.limit];
  const nowMs = tools.clock.nowMs();
  const windowAt = new Date(nowMs - (nowMs % windowMs));
  const key = attemptKey(of.limit, of.subject);
  const { failures } = await tools.db.signInAttempt.upsert({
    where: { key_windowAt: { key, windowAt } },
    create: { key, windowAt, failures: 1 },
    update: { failures: { increment: 1 } },
    select: { failures: true },
  });
  if (failures > attemptsMax) {
    const minutes = Math.ceil((windowAt.getTime() + windowMs - nowMs) / MINUTE_MS);
    throw new Fault("too_many", `Too many attempts. Try again in ${minutes} ${minutes === 1 ? "minute" : "minutes"}.`);
  }
  return { key, windowAt };
}

export async function forgiveAttempt(db: Db, attempt: Attempt): Promise<void> {
  await db.signInAttempt.updateMany({
    where: { ...attempt, failures: { gt: 0 } },
    data: { failures: { decrement: 1 } },
  });
}

/** Forgets windows that no limit looks at any more. */
export async function dropOldAttempts(tools: { db: Db; clock: Clock }): Promise<void> {
  const before = new Date(tools.clock.nowMs() - attemptLimits.signUp.windowMs * 2);
  await tools.db.signInAttempt.deleteMany({ where: { windowAt: { lt: before } } });
}
