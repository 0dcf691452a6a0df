import type { LogLine, LoggedRequest } from "../_requests/call.ts";

/** What belongs together: a request with what it printed, or what was printed outside of any request. */
export type LogGroup = {
  key: string;
  requestId: string | null;
  atMs: number;
  versionNumber: number;
  /** Unknown until the request has ended. */
  request: LoggedRequest | null;
  /** In the order in which they were printed. */
  lines: LogLine[];
};

/** What is printed outside of requests within this time is one group: a start-up, say. */
const TOGETHER_MS = 10_000;

/** Lines and requests as groups, newest first. What comes twice counts once. */
export function groupsOf(lines: readonly LogLine[], requests: readonly LoggedRequest[]): LogGroup[] {
  const groups = new Map<string, LogGroup>();
  for (const request of requests) {
    const { requestId, occurredAtMs, versionNumber } = request;
    groups.set(requestId, { key: requestId, requestId, atMs: occurredAtMs, versionNumber, request, lines: [] });
  }
  const seen = new Set<string>();
  for (const line of lines) {
    if (seen.has(line.id)) continue;
    seen.add(line.id);
    const key = line.requestId ?? `${line.versionNumber} ${Math.floor(line.atMs / TOGETHER_MS)}`;
    const group = groups.get(key) ?? newGroup(key, line);
    group.lines.push(line);
    if (!group.request) group.atMs = Math.min(group.atMs, line.atMs);
    groups.set(key, group);
  }
  for (const group of groups.values()) group.lines.sort(byTime);
  return [...groups.values()].toSorted((a, b) => b.atMs - a.atMs || (a.key < b.key ? 1 : -1));
}

function newGroup(key: string, { requestId, atMs, versionNumber }: LogLine): LogGroup {
  return { key, requestId, atMs, versionNumber, request: null, lines: [] };
}

/** Lines of one millisecond stand in the order of their numbers, "<epoch>.<seq>". */
function byTime(a: LogLine, b: LogLine): number {
  return a.atMs - b.atMs || numberOf(a) - numberOf(b);
}

function numberOf({ id }: LogLine): number {
  return Number(id.slice(id.indexOf(".") + 1));
}

/** Requests of which lines are known and which had not ended when last asked, the newest first, `max` at most. */
export function openRequestIds(lines: readonly LogLine[], requests: readonly LoggedRequest[], max: number): string[] {
  const ended = new Set(requests.map(({ requestId }) => requestId));
  const open = new Set<string>();
  for (let at = lines.length - 1; at >= 0 && open.size < max; at -= 1) {
    const requestId = lines[at]?.requestId;
    if (requestId && !ended.has(requestId)) open.add(requestId);
  }
  return [...open];
}

/** Adds what is new and keeps the last `max`; the very same array when there is nothing new. */
export function withNew<Item>(known: readonly Item[], added: readonly Item[], max: number): readonly Item[] {
  return added.length === 0 ? known : [...known, ...added].slice(-max);
}

/** Whether a group is drawn as it was: lines are only ever added to it, at either end. */
export function isSameGroup(a: LogGroup, b: LogGroup): boolean {
  return a.key === b.key && a.request === b.request && a.lines.length === b.lines.length && a.lines[0] === b.lines[0];
}

/**
 * Cuts a list into parts of `size`, counted from its end: what is new comes first, so all parts but the first stay what they
 * were, and a page draws no more than one of them again.
 */
export function partsOf<Item>(items: readonly Item[], size: number): Item[][] {
  const parts: Item[][] = [];
  for (let end = items.length; end > 0; end -= size) parts.unshift(items.slice(Math.max(0, end - size), end));
  return parts;
}
