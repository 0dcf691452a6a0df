import type { Db } from "#server/db/client.ts";

const HELD_MS_MAX = 120_000;

/**
 * Runs `work` while nobody else who asks for the same name does, in any process; they wait. Held by a transaction that
 * does nothing else, so that calls of Stripe in between hold no row.
 */
export function underLock<Result>(db: Db, name: string, work: () => Promise<Result>): Promise<Result> {
  return db.$transaction(
    async (tx) => {
      await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended(${`stripe:${name}`}, 0))`;
      return work();
    },
    { timeout: HELD_MS_MAX, maxWait: HELD_MS_MAX },
  );
}

/** The same for work that somebody else may as well be doing: undefined when somebody is. */
export function underFreeLock<Result>(db: Db, name: string, work: () => Promise<Result>): Promise<Result | undefined> {
  return db.$transaction(
    async (tx) => {
      const [lock] = await tx.$queryRaw<{ taken: boolean }[]>`
        SELECT pg_try_advisory_xact_lock(hashtextextended(${`stripe:${name}`}, 0)) AS taken`;
      return lock?.taken === true ? work() : undefined;
    },
    { timeout: 3_600_000, maxWait: HELD_MS_MAX },
  );
}
