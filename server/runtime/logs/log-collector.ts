import type { Readable } from "node:stream";
import { z } from "zod";
import { limitInWords, limitWords } from "#server/contract/limit-words.ts";
import { logLevel, type LogLevel } from "#server/contract/usage.ts";
import { CONTROL_MARK, LINE_MARK } from "#server/runtime/sandbox/guest.ts";
import { readLines } from "#server/runtime/sandbox/lines.ts";

const MESSAGE_CHARACTERS_MAX = 8_192;
const LINES_PER_REQUEST_MAX = 256;
/** What of a line is kept to explain the end of a process. */
const LAST_WORDS_CHARACTERS_MAX = 2_048;
/** Lines of one instance, as a tenant can print under as many request ids as it likes. */
const LINES_PER_S_MAX = 500;
const BURST_LINES_MAX = 2_000;
/** How often an instance is told the same of its printing. */
const NOTICE_EVERY_MS = 10_000;
/** A tenant may print any id, and what isn't one would be a key of ours and a column of the database. */
const REQUEST_ID = /^req_[0-9a-z]{20}$/;
/** How far from now the time of a line may be, which the process tells. */
const CLOCK_MS_MAX = 60_000;
/** Requests whose lines are still counted; past it, the oldest count is forgotten. */
const REQUESTS_COUNTED_MAX = 1_024;

export type PrintedLine = { requestId: string | null; atMs: number; level: LogLevel; message: string };

export type OutputEvents = {
  line(line: PrintedLine): void;
  /** The entry says that a request has given work to waitUntil, or that all of it has settled. */
  waiting(requestId: string, isWaiting: boolean): void;
};

/** What workerd prints with structured logging: one JSON object a line. */
const structuredLine = z.object({
  timestamp: z.coerce.number(),
  level: z.string(),
  message: z.string(),
  source: z.string().optional(),
});

export type Output = {
  /** What was printed last, the platform's own lines included. */
  lastWords(): string;
  /** A line of the platform's among the function's, for its owner; the same one at most every 10 s. */
  notice(message: string): void;
};

/** Reads what an instance prints, and tells lines of requests, lines of nobody, and the entry's own words apart. */
export function collectOutput(
  streams: readonly Readable[],
  events: OutputEvents,
  { logBytesMax }: { logBytesMax: number },
): Output {
  const lines = new LineCounter(logBytesMax);
  const notices = new Map<string, number>();
  const lastLines: string[] = [];
  const notice = (message: string): void => {
    const atMs = Date.now();
    if (atMs - (notices.get(message) ?? 0) < NOTICE_EVERY_MS) return;
    notices.set(message, atMs);
    events.line({ requestId: null, atMs, level: "warn", message });
  };
  const read = (text: string): void => {
    const parsed = parseLine(text);
    if (parsed.message.startsWith(CONTROL_MARK)) {
      const [word, requestId = ""] = parsed.message.slice(CONTROL_MARK.length).split(" ", 2);
      if (REQUEST_ID.test(requestId)) events.waiting(requestId, word === "wait");
      return;
    }
    lastLines.push(parsed.message.slice(0, LAST_WORDS_CHARACTERS_MAX));
    if (lastLines.length > 40) lastLines.shift();
    if (parsed.isPlatform) return;
    const line = attribute(parsed);
    const last = (message: string): void => events.line({ ...line, level: "warn", message });
    switch (lines.count(line)) {
      case "yes":
        return events.line(line);
      case "too_many":
        return last(
          `More than ${LINES_PER_REQUEST_MAX} lines: the rest of this request's lines are dropped. Print less.`,
        );
      case "too_long":
        return last(
          `More than ${limitInWords("logBytesMax", logBytesMax)} printed: the rest of this request's lines are dropped. Print less, or raise "${limitWords.logBytesMax.title}" in Settings.`,
        );
      case "too_fast":
        return notice(`More than ${LINES_PER_S_MAX} lines a second: some are dropped. Print less.`);
      case "no":
    }
  };
  const slowed = (): void =>
    notice("This function prints faster than its output is read, so it waits while it prints. Print less.");
  for (const stream of streams) readLines(stream, read, slowed);
  return { lastWords: () => lastLines.join("\n"), notice };
}

function parseLine(text: string): { atMs: number; level: LogLevel; message: string; isPlatform: boolean } {
  const fallback = { atMs: Date.now(), level: "error" as const, message: text, isPlatform: true };
  if (!text.startsWith("{")) return fallback;
  try {
    const { timestamp, level, message, source } = structuredLine.parse(JSON.parse(text));
    const known = logLevel.safeParse(level === "warning" ? "warn" : level);
    return {
      atMs: nearNow(timestamp),
      level: known.success ? known.data : "log",
      message,
      isPlatform: source !== undefined,
    };
  } catch {
    return fallback;
  }
}

function nearNow(atMs: number): number {
  const now = Date.now();
  return Math.abs(now - atMs) <= CLOCK_MS_MAX ? atMs : now;
}

/** "<mark>req_…<mark> text" -> the request's line. A line without marks was printed outside of any request. */
function attribute({ atMs, level, message }: { atMs: number; level: LogLevel; message: string }): PrintedLine {
  const [before, requestId, ...rest] = message.split(LINE_MARK, 3);
  if (before !== "" || rest.length === 0) return { requestId: null, atMs, level, message: shorten(message) };
  const text = message.slice(LINE_MARK.length * 2 + (requestId?.length ?? 0)).replace(/^ /, "");
  const id = requestId !== undefined && REQUEST_ID.test(requestId) ? requestId : null;
  return { requestId: id, atMs, level, message: withoutEntryFrames(shorten(text)) };
}

/** A stack ends where the tenant's own code ends. No part of the pattern matches a line's end, or a tenant could make it run for long. */
function withoutEntryFrames(text: string): string {
  return text.includes("sluice-entry.js")
    ? text.replace(/\n[ \t]+at [^\n]*sluice-(?:entry|console)\.js[^\n]*/g, "")
    : text;
}

function shorten(message: string): string {
  return message.length <= MESSAGE_CHARACTERS_MAX ? message : `${message.slice(0, MESSAGE_CHARACTERS_MAX)} … (cut)`;
}

type Kept = { lines: number; bytes: number; isOver: boolean };

class LineCounter {
  readonly #bytesMax: number;
  readonly #kept = new Map<string, Kept>();
  #allowance = BURST_LINES_MAX;
  #countedAtMs = Date.now();

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Whether a line is kept; the first that is not says why, and those after it nothing. */
  count({ requestId, message }: PrintedLine): "yes" | "too_many" | "too_long" | "no" | "too_fast" {
    const kept = this.#ofRequest(requestId ?? "");
    if (kept.isOver) return "no";
    if (!this.#isSlowEnough()) return "too_fast";
    kept.lines += 1;
    kept.bytes += Buffer.byteLength(message);
    const verdict = kept.lines > LINES_PER_REQUEST_MAX ? "too_many" : kept.bytes > this.#bytesMax ? "too_long" : "yes";
    kept.isOver = verdict !== "yes";
    return verdict;
  }

  #ofRequest(key: string): Kept {
    const known = this.#kept.get(key);
    if (known) return known;
    const kept = { lines: 0, bytes: 0, isOver: false };
    this.#kept.set(key, kept);
    if (this.#kept.size > REQUESTS_COUNTED_MAX) {
      const [oldest] = this.#kept.keys();
      if (oldest !== undefined) this.#kept.delete(oldest);
    }
    return kept;
  }

  #isSlowEnough(): boolean {
    const nowMs = Date.now();
    this.#allowance = Math.min(
      BURST_LINES_MAX,
      this.#allowance + ((nowMs - this.#countedAtMs) / 1000) * LINES_PER_S_MAX,
    );
    this.#countedAtMs = nowMs;
    if (this.#allowance < 1) return false;
    this.#allowance -= 1;
    return true;
  }
}
