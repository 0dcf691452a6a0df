import type { LogLevel } from "#server/contract/usage.ts";
import type { Db } from "#server/db/client.ts";

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

/** Keeps printed lines. NUL, which Postgres' text cannot hold, becomes the replacement character. */
export async function recordLogs(db: Db, lines: readonly LogFact[]): Promise<void> {
  await db.logLine.createMany({
    data: lines.map(({ atMs, message, ...line }) => ({
      ...line,
      at: new Date(atMs),
      message: message.replaceAll("\0", "\u{FFFD}").toWellFormed(),
    })),
    skipDuplicates: true,
  });
}

/** Removes lines older than a moment. */
export async function pruneLogs(db: Db, before: Date): Promise<number> {
  const { count } = await db.logLine.deleteMany({ where: { at: { lt: before } } });
  return count;
}
