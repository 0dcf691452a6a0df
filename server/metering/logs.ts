import type { LogLevel } from "#server/contract/usage.ts";
import type { Db } from "#server/db/client.ts";
import { sqlStateOf } from "#server/db/sql-state.ts";
import { DAY_MS } from "#server/std/clock.ts";
import { databaseNow, LOG_DAYS_AHEAD, LOG_DAYS_KEPT, makeLogDays } from "./log-days.ts";

export type LogFact = {
  epoch: bigint;
  seq: bigint;
  organizationId: string;
  functionId: string;
  versionId: string;
  requestId: string | null;
  atMs: number;
  level: LogLevel;
  message: string;
};

const NO_PARTITION = "23514";
/**
 * No line is stored under a day that is earlier, or later than LOG_DAYS_AHEAD, by Postgres's clock: so whatever a node's clock
 * says, its lines are neither dropped at once nor kept for ever.
 */
const DAYS_BACK = LOG_DAYS_KEPT - 1;

/**
 * Keeps printed lines, each once however often it is sent. Lines of one epoch must be sent in the order of their `seq`, batch
 * after batch: who follows a log takes what comes after the last one it has seen. A day without a partition gets one.
 */
export async function recordLogs(db: Db, lines: readonly LogFact[]): Promise<void> {
  try {
    await insertLines(db, lines);
  } catch (error) {
    if (sqlStateOf(error) !== NO_PARTITION) throw error;
    const from = new Date((await databaseNow(db)).getTime() - DAYS_BACK * DAY_MS);
    await makeLogDays(db, { from, days: DAYS_BACK + 1 + LOG_DAYS_AHEAD });
    await insertLines(db, lines);
  }
}

/** Bounded to whole days, so that a batch that is sent again has the same times, and so the same keys. */
async function insertLines(db: Db, lines: readonly LogFact[]): Promise<void> {
  await db.$executeRaw`
    INSERT INTO log_line (epoch, seq, organization_id, function_id, version_id, request_id, at, level, message)
    SELECT epoch, seq, organization_id, function_id, version_id, request_id,
           least(greatest(to_timestamp(at_ms / 1000), day.first), day.last), level, message
    FROM unnest(
      ${lines.map((line) => line.epoch)}::bigint[], ${lines.map((line) => line.seq)}::bigint[],
      ${lines.map((line) => line.organizationId)}::text[], ${lines.map((line) => line.functionId)}::text[],
      ${lines.map((line) => line.versionId)}::text[], ${lines.map((line) => line.requestId)}::text[],
      ${lines.map((line) => line.atMs)}::float8[], ${lines.map((line) => line.level)}::text[],
      ${lines.map((line) => storableText(line.message))}::text[]
    ) AS line(epoch, seq, organization_id, function_id, version_id, request_id, at_ms, level, message),
    (SELECT date_trunc('day', now(), 'UTC') - ${DAYS_BACK} * interval '24 hours' AS first,
            date_trunc('day', now(), 'UTC') + ${LOG_DAYS_AHEAD + 1} * interval '24 hours' - interval '1 ms' AS last) AS day
    ON CONFLICT DO NOTHING`;
}

/** NUL, which Postgres's text cannot hold, becomes the replacement character, as do halves of characters. */
export function storableText(text: string): string {
  return text.replaceAll("\0", "\u{FFFD}").toWellFormed();
}
