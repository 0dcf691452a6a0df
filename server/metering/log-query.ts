import type { LogFilter, LogRecord } from "#server/contract/logs.ts";
import { LOG_LEVELS } from "#server/contract/logs.ts";
import { logLevel, type RequestRecord } from "#server/contract/usage.ts";
import type { Db, Tx } from "#server/db/client.ts";
import { Prisma } from "#server/db/generated/client.ts";
import { sqlStateOf } from "#server/db/sql-state.ts";
import { Fault } from "#server/std/fault.ts";
import type { Id } from "#server/std/id.ts";
import { storableText } from "./logs.ts";
import { versionNumbers, withVersionNumbers, type RequestRow as UsageRow } from "./usage.ts";

/** Whose log is read: every query names both. */
export type LogOwner = { organizationId: Id<"organization">; functionId: Id<"function"> };
/** A filter whose version is found: its id, or null when there is none of that number. */
export type OwnFilter = LogOwner & { filter: LogFilter; versionId: string | null | undefined };

export type LineRow = {
  epoch: bigint;
  seq: bigint;
  requestId: string | null;
  versionId: string;
  at: Date;
  level: string;
  message: string;
};
export type RequestRow = UsageRow & { epoch: bigint; seq: bigint };

/** What is before a key, and not older than a moment. */
type Before = { from: Date; before: { at: Date; epoch: bigint; seq: bigint }; limit: number };

const STATEMENT_TIMEOUT = "57014";
/** Runtime lives that are followed at once: those of the machines that serve a function, and of a day's restarts. */
const LIVES_MAX = 64;
/** More than the few statements of one reading may take together. */
const TRANSACTION_MS_MAX = 20_000;

/** Finds the version that the filter means. */
export async function ownFilter(db: Db, of: LogOwner & { filter: LogFilter }): Promise<OwnFilter> {
  const { organizationId, functionId, filter } = of;
  if (filter.version === undefined) return { ...of, versionId: undefined };
  const version = await db.version.findFirst({
    where: { functionId, number: filter.version, function: { organizationId } },
    select: { id: true },
  });
  return { ...of, versionId: version?.id ?? null };
}

/** Reads within a bound of time: Postgres stops when it is over, whatever was asked for. Undefined when it was not enough. */
export async function within<Result>(
  db: Db,
  timeMsMax: number,
  read: (tx: Tx) => Promise<Result>,
): Promise<Result | undefined> {
  try {
    return await db.$transaction(
      async (tx) => {
        await tx.$executeRaw(Prisma.raw(`SET LOCAL statement_timeout = ${Math.max(1, Math.round(timeMsMax))}`));
        return read(tx);
      },
      { timeout: TRANSACTION_MS_MAX, maxWait: TRANSACTION_MS_MAX },
    );
  } catch (error) {
    if (sqlStateOf(error) !== STATEMENT_TIMEOUT) throw error;
    return undefined;
  }
}

export function tooMuch(): Fault {
  return new Fault(
    "too_large",
    "There is too much to search through. Choose a shorter time, or a version, a level or a status.",
  );
}

const lineColumns = Prisma.sql`
  l.epoch, l.seq, l.request_id AS "requestId", l.version_id AS "versionId", l.at, l.level, l.message`;

const requestColumns = Prisma.sql`
  u.epoch, u.seq, u.request_id AS "requestId", u.function_id AS "functionId", u.version_id AS "versionId",
  u.occurred_at AS "occurredAt", u.method, u.path, u.status, u.outcome, u.wall_us AS "wallUs", u.cpu_ns AS "cpuNs",
  u.ingress_bytes AS "ingressBytes", u.egress_bytes AS "egressBytes", u.cold_start AS "coldStart"`;

/** Conditions on `log_line l` that a line meets by itself: all of the filter but the status, which is its request's. */
function lineMatches(of: OwnFilter): Prisma.Sql {
  const { filter, versionId } = of;
  return Prisma.join(
    [
      Prisma.sql`l.organization_id = ${of.organizationId} AND l.function_id = ${of.functionId}`,
      ...(versionId === undefined ? [] : [Prisma.sql`l.version_id = ${versionId}`]),
      ...(filter.requestId ? [Prisma.sql`l.request_id = ${filter.requestId}`] : []),
      ...printedMatches(filter),
    ],
    " AND ",
  );
}

/** Whether a filter asks for what only printed lines have. */
export function asksForLines(filter: LogFilter): boolean {
  return Boolean(filter.text) || filter.level !== undefined;
}

function printedMatches(filter: LogFilter): Prisma.Sql[] {
  return [
    ...(filter.level ? [Prisma.sql`l.level = ANY(${levelsFrom(filter.level)}::text[])`] : []),
    ...(filter.text ? [contains(Prisma.sql`l.message`, filter.text)] : []),
  ];
}

/**
 * Conditions on `usage_event u` that a request meets. Its path may hold the text; what it printed is looked at only where a
 * status is asked for, as the lines are searched for themselves else.
 */
function requestMatches(of: OwnFilter): Prisma.Sql {
  const { filter, versionId } = of;
  const { status } = filter;
  const [least, most] = status === undefined ? [0, 0] : statusRange(status);
  return Prisma.join(
    [
      // What the platform itself failed at is kept as unbilled; of its kinds only calls have a method.
      Prisma.sql`u.organization_id = ${of.organizationId} AND u.function_id = ${of.functionId}`,
      Prisma.sql`u.kind IN ('request', 'unbilled') AND u.method IS NOT NULL AND u.request_id IS NOT NULL`,
      ...(versionId === undefined ? [] : [Prisma.sql`u.version_id = ${versionId}`]),
      ...(filter.requestId ? [Prisma.sql`u.request_id = ${filter.requestId}`] : []),
      ...(status === undefined ? [] : [Prisma.sql`u.status BETWEEN ${least} AND ${most}`]),
      ...wordsMatch(of),
    ],
    " AND ",
  );
}

function wordsMatch(of: OwnFilter): Prisma.Sql[] {
  const { filter } = of;
  if (!asksForLines(filter)) return [];
  const inPath = filter.text && !filter.level ? [contains(Prisma.sql`u.path`, filter.text)] : [];
  const inLines =
    filter.status === undefined
      ? []
      : [Prisma.sql`EXISTS (SELECT 1 FROM log_line l WHERE l.request_id = u.request_id AND ${lineMatches(of)})`];
  const either = [...inPath, ...inLines];
  return [either.length === 0 ? Prisma.sql`false` : Prisma.sql`(${Prisma.join(either, " OR ")})`];
}

/** Lines that match, newest first. */
export function linesBefore(tx: Tx, of: OwnFilter, { from, before, limit }: Before): Promise<LineRow[]> {
  return tx.$queryRaw<LineRow[]>`
    SELECT ${lineColumns} FROM log_line l
    WHERE ${lineMatches(of)} AND l.at >= ${from}::timestamptz AND l.at <= ${before.at}::timestamptz
      AND (l.at, l.epoch, l.seq) < (${before.at}::timestamptz, ${before.epoch}::bigint, ${before.seq}::bigint)
    ORDER BY l.at DESC, l.epoch DESC, l.seq DESC LIMIT ${limit}`;
}

/** Requests that match, newest first by when they came. */
export function requestsBefore(tx: Tx, of: OwnFilter, { from, before, limit }: Before): Promise<RequestRow[]> {
  return tx.$queryRaw<RequestRow[]>`
    SELECT ${requestColumns} FROM usage_event u
    WHERE ${requestMatches(of)} AND u.occurred_at >= ${from}::timestamptz
      AND (u.occurred_at, u.epoch, u.seq) < (${before.at}::timestamptz, ${before.epoch}::bigint, ${before.seq}::bigint)
    ORDER BY u.occurred_at DESC, u.epoch DESC, u.seq DESC LIMIT ${limit}`;
}

/** Of one runtime life, the number of a line. */
export type Head = { epoch: bigint; seq: bigint };

/** The last line stored of each runtime life that stored any since, newest life first. Read from the index alone, a step a life. */
export function lineHeads(tx: Tx, owner: LogOwner, since: Date): Promise<Head[]> {
  const own = Prisma.sql`organization_id = ${owner.organizationId} AND function_id = ${owner.functionId} AND at >= ${since}::timestamptz`;
  return tx.$queryRaw<Head[]>`
    WITH RECURSIVE head AS (
      (SELECT epoch, seq FROM log_line WHERE ${own} ORDER BY epoch DESC, seq DESC LIMIT 1)
      UNION ALL
      SELECT next.epoch, next.seq FROM head CROSS JOIN LATERAL (
        SELECT epoch, seq FROM log_line WHERE ${own} AND log_line.epoch < head.epoch ORDER BY epoch DESC, seq DESC LIMIT 1
      ) AS next
    )
    SELECT epoch, seq FROM head LIMIT ${LIVES_MAX}`;
}

/** Lines that match and are numbered after `from` and up to `to` in one of the lives; of each life the lowest numbers first. */
export function linesAfter(
  tx: Tx,
  of: OwnFilter,
  range: {
    news: readonly { epoch: bigint; from: bigint; to: bigint }[];
    since: Date;
    /** Lines of these requests only. */
    within: readonly string[] | undefined;
    limit: number;
  },
): Promise<LineRow[]> {
  const { news, since, within, limit } = range;
  const ofRequests = within === undefined ? Prisma.empty : Prisma.sql`AND l.request_id = ANY(${within}::text[])`;
  return tx.$queryRaw<LineRow[]>`
    SELECT l.* FROM unnest(
      ${news.map(({ epoch }) => epoch)}::bigint[], ${news.map(({ from }) => from)}::bigint[], ${news.map(({ to }) => to)}::bigint[]
    ) AS life(epoch, after_seq, last_seq)
    CROSS JOIN LATERAL (
      SELECT ${lineColumns} FROM log_line l
      WHERE ${lineMatches(of)} AND l.epoch = life.epoch AND l.seq > life.after_seq AND l.seq <= life.last_seq
        AND l.at >= ${since}::timestamptz ${ofRequests}
      ORDER BY l.seq LIMIT ${limit}
    ) AS l
    ORDER BY l.epoch DESC, l.seq LIMIT ${limit}`;
}

/** Requests by their ids, as far as they are this function's: a line may be printed under any id. */
export async function requestsOf(tx: Tx, owner: LogOwner, requestIds: readonly string[]): Promise<RequestRow[]> {
  if (requestIds.length === 0) return [];
  return tx.$queryRaw<RequestRow[]>`
    SELECT ${requestColumns} FROM usage_event u
    WHERE u.request_id = ANY(${requestIds}::text[]) AND ${requestMatches({ ...owner, filter: {}, versionId: undefined })}`;
}

/** The lines of requests that match, oldest first, at most `limit`. */
export async function linesOf(
  tx: Tx,
  of: OwnFilter,
  { requestIds, limit }: { requestIds: readonly string[]; limit: number },
): Promise<LineRow[]> {
  if (requestIds.length === 0) return [];
  return tx.$queryRaw<LineRow[]>`
    SELECT ${lineColumns} FROM log_line l
    WHERE l.request_id = ANY(${requestIds}::text[]) AND ${lineMatches(of)}
    ORDER BY l.at, l.epoch, l.seq LIMIT ${limit}`;
}

/** Rows as the pages show them: lines oldest first, requests newest first. */
export async function toEntries(
  db: Db,
  rows: { lines: readonly LineRow[]; requests: RequestRow[] },
): Promise<{ lines: LogRecord[]; requests: RequestRecord[] }> {
  const numberOf = await versionNumbers(
    db,
    rows.lines.map((row) => row.versionId),
  );
  const lines = rows.lines.map((row) => ({
    id: `${row.epoch}.${row.seq}`,
    requestId: row.requestId,
    versionNumber: numberOf.get(row.versionId) ?? 0,
    atMs: row.at.getTime(),
    level: logLevel.parse(row.level),
    message: row.message,
  }));
  return { lines, requests: await withVersionNumbers(db, rows.requests) };
}

function levelsFrom(least: (typeof LOG_LEVELS)[number]): string[] {
  return LOG_LEVELS.slice(LOG_LEVELS.indexOf(least));
}

/** "5xx" -> 500 to 599. */
function statusRange(status: string): [number, number] {
  const digit = Number(status[0]) * 100;
  return status.endsWith("xx") ? [digit, digit + 99] : [Number(status), Number(status)];
}

/** Whether a column holds a text, which stands for itself; upper and lower case are one. */
function contains(column: Prisma.Sql, text: string): Prisma.Sql {
  const pattern = `%${storableText(text).replace(/[\\%_]/g, String.raw`\$&`)}%`;
  // Nearly all that is searched for is ASCII, and to fold no more than that takes half as long.
  const isAscii = /^[\x20-\x7e]*$/.test(text);
  return isAscii
    ? Prisma.sql`lower(${column} COLLATE "C") LIKE ${pattern.toLowerCase()}`
    : Prisma.sql`${column} ILIKE ${pattern}`;
}
