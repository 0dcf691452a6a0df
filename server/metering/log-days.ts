import { setTimeout as wait } from "node:timers/promises";
import { Prisma } from "#server/db/generated/client.ts";
import type { Db } from "#server/db/client.ts";
import { sqlStateOf } from "#server/db/sql-state.ts";
import { DAY_MS } from "#server/std/clock.ts";

/** Lines are kept for this many days, and go by whole UTC days: the oldest that is left is up to a day older. */
export const LOG_DAYS_KEPT = 7;
/** Partitions are made this many days ahead, so that a runtime which looks every hour never meets a day without one. */
export const LOG_DAYS_AHEAD = 2;
/** Held while a partition is made or dropped: runtimes share the table. Any number that no other lock of ours has. */
const LOCK = 7_264_911_031n;
/** A drop waits this long for queries that are under way, since all that come after wait behind it; then it lets them pass. */
const DROP_WAIT_MS = 500;
const DROP_TRIES_MAX = 20;
const LOCK_NOT_AVAILABLE = "55P03";

/**
 * Makes the partitions of today and of the days to come, and drops those that are over; returns the names of what was dropped.
 * Any number of runtimes may do so at once. `now` is to be Postgres's, as a node whose clock is wrong would drop what others keep.
 */
export async function keepLogDays(db: Db, now: Date): Promise<string[]> {
  await makeLogDays(db, { from: now, days: 1 + LOG_DAYS_AHEAD });
  return dropLogDays(db, new Date(now.getTime() - LOG_DAYS_KEPT * DAY_MS));
}

/** Makes the partitions that are missing of as many days, the first being the UTC day of `from`. */
export async function makeLogDays(db: Db, { from, days }: { from: Date; days: number }): Promise<void> {
  const wanted = Array.from({ length: days }, (_, day) => new Date(from.getTime() + day * DAY_MS));
  const existing = new Set(await logDays(db));
  const missing = wanted.filter((day) => !existing.has(partitionOf(day)));
  for (const day of missing) await makeLogDay(db, day);
}

/** Made beside the table and then attached, since this way nobody who writes or reads lines has to wait. */
async function makeLogDay(db: Db, day: Date): Promise<void> {
  const name = partitionOf(day);
  const [from, to] = [dayText(day), dayText(new Date(day.getTime() + DAY_MS))];
  await db.$transaction(async (tx) => {
    await tx.$executeRaw`SELECT pg_advisory_xact_lock(${LOCK})`;
    const [found] = await tx.$queryRaw<{ exists: boolean }[]>`SELECT to_regclass(${name}) IS NOT NULL AS exists`;
    if (found?.exists) return;
    await tx.$executeRaw(Prisma.raw(`CREATE TABLE ${name} (LIKE log_line)`));
    await tx.$executeRaw(
      Prisma.raw(`ALTER TABLE log_line ATTACH PARTITION ${name} FOR VALUES FROM ('${from}') TO ('${to}')`),
    );
  });
}

async function dropLogDays(db: Db, before: Date): Promise<string[]> {
  const dropped: string[] = [];
  // Names ascend with their days. The day that `before` falls into still has lines to keep.
  const old = (await logDays(db)).filter((name) => name < partitionOf(before));
  for (const name of old) {
    await dropLogDay(db, name);
    dropped.push(name);
  }
  return dropped;
}

async function dropLogDay(db: Db, name: string): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await db.$transaction(async (tx) => {
        await tx.$executeRaw(Prisma.raw(`SET LOCAL lock_timeout = ${DROP_WAIT_MS}`));
        await tx.$executeRaw`SELECT pg_advisory_xact_lock(${LOCK})`;
        await tx.$executeRaw(Prisma.raw(`DROP TABLE IF EXISTS ${name}`));
      });
      return;
    } catch (error) {
      if (sqlStateOf(error) !== LOCK_NOT_AVAILABLE || tries === DROP_TRIES_MAX) throw error;
      await wait(DROP_WAIT_MS);
    }
  }
}

/** What time Postgres has: the one clock that all runtimes share. */
export async function databaseNow(db: Db): Promise<Date> {
  const [clock] = await db.$queryRaw<{ now: Date }[]>`SELECT now() AS now`;
  if (!clock) throw new Error("Postgres told no time");
  return clock.now;
}

/** The partitions that there are, oldest first. */
export async function logDays(db: Db): Promise<string[]> {
  const rows = await db.$queryRaw<{ name: string }[]>`
    SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = to_regclass('log_line') AND c.relname ~ '^log_line_day_[0-9]{8}$' ORDER BY 1`;
  return rows.map((row) => row.name);
}

/** "log_line_day_20261124". Made of digits only, as a table's name can't be a parameter. */
export function partitionOf(day: Date): string {
  return `log_line_day_${day.toISOString().slice(0, 10).replaceAll("-", "")}`;
}

function dayText(day: Date): string {
  return `${day.toISOString().slice(0, 10)} 00:00:00+00`;
}
