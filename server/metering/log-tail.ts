import type { LogFilter, LogTail } from "#server/contract/logs.ts";
import type { Db, Tx } from "#server/db/client.ts";
import { DAY_MS, MINUTE_MS } from "#server/std/clock.ts";
import { moment, upTo } from "./log-position.ts";
import * as query from "./log-query.ts";

const LINES_MAX = 500;
const REQUESTS_MAX = 100;
/** Asked twice a second by every open page, so it has to be quick: what comes after the last line seen is little. */
const TAIL_MS_MAX = 2_000;
/**
 * A request is in the ledger once it has ended, under the moment when it came: so those of the last minute are looked at each
 * time. One that took longer comes with its lines, or when the page is loaded again.
 */
const REQUESTS_SINCE_MS = MINUTE_MS;
/** New lines are looked for among those of the last day only; one that was stored later than that is found by a search. */
const LINES_SINCE_MS = DAY_MS;

export type LogFollowing = query.LogOwner & {
  filter: Omit<LogFilter, "fromMs" | "toMs">;
  /** From `tailStart`, or from what came before. */
  after: string;
  /** Requests of which lines are shown, and which had not ended yet. */
  openRequestIds: readonly string[];
  now: Date;
};

/** A place in what is stored: the last line seen of each runtime life, and which of the last requests were seen. */
type Cursor = { heads: readonly query.Head[]; requests: ReadonlySet<string> };

/**
 * Where the log ends now: what is followed from here on misses nothing that is stored afterwards, and repeats none of the
 * requests that a search finds or, as they are older than its first page, leaves out.
 */
export async function tailStart(
  db: Db,
  of: query.LogOwner & { filter: LogFollowing["filter"]; now: Date },
): Promise<string> {
  const own = await query.ownFilter(db, of);
  const cursor = await query.within(db, TAIL_MS_MAX, async (tx) => ({
    heads: await query.lineHeads(tx, of, linesSince(of.now)),
    requests: new Set((await recentRequests(tx, own, of.now)).map(keyOf)),
  }));
  if (!cursor) throw query.tooMuch();
  return cursorText(cursor);
}

/**
 * What matches and was stored after a place: lines in the order in which each runtime stored them, and the newest requests.
 * Lines that don't fit come with the next call; of more than a hundred requests at a time some are left out.
 */
export async function followLogs(db: Db, following: LogFollowing): Promise<LogTail> {
  const own = await query.ownFilter(db, following);
  const tail = await query.within(db, TAIL_MS_MAX, (tx) => readTail(tx, own, following));
  if (!tail) throw query.tooMuch();
  return { ...(await query.toEntries(db, tail)), after: cursorText(tail.cursor) };
}

async function readTail(tx: Tx, own: query.OwnFilter, { after, openRequestIds, now }: LogFollowing) {
  const cursor = parseCursor(after);
  const recent = await recentRequests(tx, own, now);
  const requests = recent.filter((row) => !cursor.requests.has(keyOf(row)));
  const seen = new Set(recent.map(keyOf));
  const isByStatus = own.filter.status !== undefined;
  const within = isByStatus ? idsOf(recent) : undefined;
  const { lines, heads } = await newLines(tx, own, { cursor, since: linesSince(now), within });
  if (isByStatus) {
    const theirs = await query.linesOf(tx, own, { requestIds: idsOf(requests), limit: LINES_MAX });
    return { lines: [...theirs, ...lines], requests, cursor: { heads, requests: seen } };
  }
  const known = new Set(idsOf(requests));
  const missing = [...new Set([...openRequestIds, ...idsOf(lines)])].filter((requestId) => !known.has(requestId));
  const theirs = await query.requestsOf(tx, own, missing);
  return { lines, requests: [...requests, ...theirs], cursor: { heads, requests: seen } };
}

async function recentRequests(tx: Tx, own: query.OwnFilter, now: Date): Promise<query.RequestRow[]> {
  if (own.filter.level !== undefined && own.filter.status === undefined) return [];
  const from = new Date(now.getTime() - REQUESTS_SINCE_MS);
  const before = upTo("request", moment(now.getTime() + DAY_MS));
  return query.requestsBefore(tx, own, { from, before, limit: REQUESTS_MAX });
}

/** One runtime's lines are stored in the order of their numbers, so what is new is what has a higher one, runtime by runtime. */
async function newLines(
  tx: Tx,
  own: query.OwnFilter,
  { cursor, since, within }: { cursor: Cursor; since: Date; within: readonly string[] | undefined },
): Promise<{ lines: query.LineRow[]; heads: query.Head[] }> {
  const seen = new Map(cursor.heads.map(({ epoch, seq }) => [epoch, seq]));
  const heads = await query.lineHeads(tx, own, since);
  const news = heads.flatMap(({ epoch, seq }) => {
    const from = seen.get(epoch) ?? 0n;
    return seq > from ? [{ epoch, from, to: seq }] : [];
  });
  if (news.length === 0) return { lines: [], heads };
  const lines = await query.linesAfter(tx, own, { news, since, within, limit: LINES_MAX });
  if (lines.length < LINES_MAX) return { lines, heads };
  // Cut somewhere: the next call goes on after the last line that was read of each runtime.
  const read = new Map([...seen, ...lines.map(({ epoch, seq }) => [epoch, seq] as const)]);
  return { lines, heads: heads.map(({ epoch }) => ({ epoch, seq: read.get(epoch) ?? 0n })) };
}

function linesSince(now: Date): Date {
  return new Date(now.getTime() - LINES_SINCE_MS);
}

function idsOf(rows: readonly { requestId: string | null }[]): string[] {
  return rows.flatMap(({ requestId }) => requestId ?? []);
}

function keyOf({ epoch, seq }: query.Head): string {
  return `${epoch}.${seq}`;
}

/** "12.345-11.99~12.7-12.8" */
function cursorText({ heads, requests }: Cursor): string {
  return `${heads.map(keyOf).join("-")}~${[...requests].join("-")}`;
}

/** It went through a browser, so it may be anything; what can't be read of it was not seen. */
function parseCursor(text: string): Cursor {
  const [heads = "", requests = ""] = text.split("~", 2);
  const keys = heads.split("-").flatMap((key) => {
    const [, epoch, seq] = /^(\d{1,18})\.(\d{1,18})$/.exec(key) ?? [];
    return epoch && seq ? [{ epoch: BigInt(epoch), seq: BigInt(seq) }] : [];
  });
  return { heads: keys, requests: new Set(requests.split("-")) };
}
