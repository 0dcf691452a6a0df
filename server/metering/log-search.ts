import type { LogFilter, LogPage } from "#server/contract/logs.ts";
import type { Db, Tx } from "#server/db/client.ts";
import { DAY_MS, MINUTE_MS } from "#server/std/clock.ts";
import { LOG_DAYS_AHEAD, LOG_DAYS_KEPT } from "./log-days.ts";
import { compareBack, moment, parsePosition, positionText, upTo, type Position } from "./log-position.ts";
import * as query from "./log-query.ts";
import { SearchSlots } from "./search-slots.ts";

/** Lines and requests of a page, together. */
const ENTRIES_MAX = 200;
/** With a status it is requests that are looked for, and their lines come with them. */
const REQUESTS_MAX = 50;
const LINES_OF_REQUESTS_MAX = 2_000;
/** A search ends with what it has found when it has taken this long; a person then says whether it goes on. */
const SEARCH_MS_MAX = 4_000;
/** The first step back in time of a search for what may be rare, how much longer each next one is, and the longest: a partition. */
const STEP_MS = 5 * MINUTE_MS;
const STEP_GROWTH = 4;
const STEP_MS_MAX = DAY_MS;

/** One for the process, as the connections are that searches would else take from all other pages. */
const slots = new SearchSlots();

export type LogSearch = query.LogOwner & {
  filter: LogFilter;
  /** From a page that came before. */
  before?: string | undefined;
  now: Date;
};

type Entry = Position & ({ kind: "line"; row: query.LineRow } | { kind: "request"; row: query.RequestRow });
type Range = { fromMs: number; before: Position; nowMs: number };
type Reach = { entries: Entry[]; older: string | null; searchedToMs: number };

/**
 * The newest lines and requests of a function that match, some 200 together, within the seven days that are kept.
 * A fault when even the first minutes are too much to search through, or when too many search at once.
 */
export async function searchLogs(db: Db, search: LogSearch): Promise<LogPage> {
  const range = rangeOf(search);
  // One request is found by an index, at once, whatever others search for.
  if (search.filter.requestId !== undefined) return searchRange(db, search, range);
  return slots.run(search.organizationId, () => searchRange(db, search, range));
}

async function searchRange(db: Db, search: LogSearch, range: Range): Promise<LogPage> {
  const own = await query.ownFilter(db, search);
  const { entries, ...reach } = await searchBack(db, own, range);
  const whole = await query.within(db, SEARCH_MS_MAX, (tx) => withBelonging(tx, own, entries));
  if (!whole) throw query.tooMuch();
  return { ...(await query.toEntries(db, whole)), ...reach, isCut: whole.isCut };
}

function rangeOf({ filter, before, now }: LogSearch): Range {
  const nowMs = now.getTime();
  const fromMs = Math.max(filter.fromMs ?? 0, nowMs - LOG_DAYS_KEPT * DAY_MS);
  // A node's clock may be ahead, and its lines are to be seen all the same.
  const toMs = filter.toMs ?? nowMs + (LOG_DAYS_AHEAD + 1) * DAY_MS;
  return { fromMs, nowMs, before: before === undefined ? moment(toMs) : parsePosition(before) };
}

/**
 * Goes back in steps that grow, so that what is frequent is found in the newest minutes without reading seven days, and what is
 * rare is found in a few steps. Ends when a page is full, all is read, or time is over.
 */
async function searchBack(db: Db, own: query.OwnFilter, range: Range): Promise<Reach> {
  const deadline = performance.now() + SEARCH_MS_MAX;
  const limit = own.filter.status === undefined ? ENTRIES_MAX : REQUESTS_MAX;
  const entries: Entry[] = [];
  let before = range.before;
  for (const fromMs of stepsBack(own.filter, range)) {
    const step = { fromMs, before, limit: limit - entries.length };
    const read = await query.within(db, deadline - performance.now(), (tx) => readStep(tx, own, step));
    if (!read && before === range.before) throw query.tooMuch();
    entries.push(...(read ?? []).slice(0, step.limit));
    const last = entries.at(-1);
    if (read && read.length > step.limit && last)
      return { entries, older: positionText(last), searchedToMs: last.atMs };
    if (read) before = moment(fromMs);
    if (!read || performance.now() > deadline) break;
  }
  const isOver = before.atMs <= range.fromMs;
  return { entries, older: isOver ? null : positionText(before), searchedToMs: before.atMs };
}

function* stepsBack(filter: LogFilter, { fromMs, before, nowMs }: Range): Generator<number> {
  const mayBeRare = query.asksForLines(filter) || filter.status !== undefined || filter.version !== undefined;
  const isStepped = mayBeRare && filter.requestId === undefined;
  let stepMs = isStepped ? STEP_MS : Infinity;
  let stepFromMs = Math.min(before.atMs, nowMs);
  do {
    stepFromMs = Math.max(fromMs, stepFromMs - stepMs);
    stepMs = isStepped ? Math.min(STEP_MS_MAX, stepMs * STEP_GROWTH) : stepMs;
    yield stepFromMs;
  } while (stepFromMs > fromMs);
}

/** The newest entries of a step, newest first: one more than the limit where there are more. */
async function readStep(
  tx: Tx,
  own: query.OwnFilter,
  step: { fromMs: number; before: Position; limit: number },
): Promise<Entry[]> {
  const { status, level } = own.filter;
  const from = new Date(step.fromMs);
  const limit = step.limit + 1;
  const lines =
    status === undefined ? await query.linesBefore(tx, own, { from, before: upTo("line", step.before), limit }) : [];
  const requests =
    status === undefined && level !== undefined
      ? []
      : await query.requestsBefore(tx, own, { from, before: upTo("request", step.before), limit });
  const entries: Entry[] = [
    ...lines.map((row) => ({ kind: "line" as const, atMs: row.at.getTime(), epoch: row.epoch, seq: row.seq, row })),
    ...requests.map((row) => ({
      kind: "request" as const,
      atMs: row.occurredAt.getTime(),
      epoch: row.epoch,
      seq: row.seq,
      row,
    })),
  ];
  return entries.toSorted(compareBack).slice(0, limit);
}

/** What was found, with the requests of the lines, or the lines of the requests where a status was asked for. */
async function withBelonging(tx: Tx, own: query.OwnFilter, entries: readonly Entry[]) {
  const lines = entries.flatMap((entry) => (entry.kind === "line" ? [entry.row] : [])).toReversed();
  const requests = entries.flatMap((entry) => (entry.kind === "request" ? [entry.row] : []));
  const requestIds = new Set(requests.flatMap(({ requestId }) => requestId ?? []));
  if (own.filter.status === undefined) {
    const named = new Set(lines.flatMap(({ requestId }) => requestId ?? []));
    const missing = [...named].filter((requestId) => !requestIds.has(requestId));
    return { lines, requests: [...requests, ...(await query.requestsOf(tx, own, missing))], isCut: false };
  }
  const limit = LINES_OF_REQUESTS_MAX;
  const theirs = await query.linesOf(tx, own, { requestIds: [...requestIds], limit: limit + 1 });
  return { lines: theirs.slice(0, limit), requests, isCut: theirs.length > limit };
}
