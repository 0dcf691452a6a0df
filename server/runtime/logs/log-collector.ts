import type { Readable } from "node:stream";
import { z } from "zod";
import { logLevel, type LogLevel } from "#server/contract/usage.ts";
import { CONTROL_MARK, LINE_MARK } from "#server/runtime/sandbox/guest.ts";
import { readLines } from "#server/runtime/sandbox/lines.ts";

const MESSAGE_CHARACTERS_MAX = 8_192;
const LINES_PER_REQUEST_MAX = 256;
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

/** Reads what an instance prints, and tells lines of requests, lines of nobody, and the entry's own words apart. */
export function collectOutput(streams: readonly Readable[], events: OutputEvents): { lastWords(): string } {
  const lines = new LineCounter();
  const last: string[] = [];
  for (const stream of streams) {
    readLines(stream, (text) => {
      const parsed = parseLine(text);
      if (parsed.message.startsWith(CONTROL_MARK)) {
        const [word, requestId] = parsed.message.slice(CONTROL_MARK.length).split(" ");
        if (requestId !== undefined) events.waiting(requestId, word === "wait");
        return;
      }
      last.push(parsed.message);
      if (last.length > 40) last.shift();
      if (parsed.isPlatform) return;
      const line = attribute(parsed);
      const allowed = lines.count(line.requestId);
      if (allowed === "yes") events.line(line);
      else if (allowed === "last")
        events.line({
          ...line,
          level: "warn",
          message: `More than ${LINES_PER_REQUEST_MAX} lines: the rest of this request's lines are dropped. Print less.`,
        });
    });
  }
  return { lastWords: () => last.join("\n") };
}

function parseLine(text: string): { atMs: number; level: LogLevel; message: string; isPlatform: boolean } {
  const fallback = { atMs: Date.now(), level: "error" as const, message: text, isPlatform: true };
  if (!text.startsWith("{")) return fallback;
  try {
    const { timestamp, level, message, source } = structuredLine.parse(JSON.parse(text));
    const known = logLevel.safeParse(level === "warning" ? "warn" : level);
    return { atMs: timestamp, level: known.success ? known.data : "log", message, isPlatform: source !== undefined };
  } catch {
    return fallback;
  }
}

/** "<mark>req_…<mark> text" -> the request's line. A line without marks was printed outside of any request. */
function attribute({ atMs, level, message }: { atMs: number; level: LogLevel; message: string }): PrintedLine {
  const [before, requestId, ...rest] = message.split(LINE_MARK, 3);
  if (before !== "" || rest.length === 0) return { requestId: null, atMs, level, message: shorten(message) };
  const text = message.slice(LINE_MARK.length * 2 + (requestId?.length ?? 0)).replace(/^ /, "");
  return { requestId: requestId || null, atMs, level, message: shorten(withoutEntryFrames(text)) };
}

/** A stack ends where the tenant's own code ends. */
function withoutEntryFrames(text: string): string {
  return text.includes("sluice-entry.js")
    ? text.replace(/\n\s+at [^\n]*sluice-(?:entry|console)\.js[^\n]*/g, "")
    : text;
}

function shorten(message: string): string {
  return message.length <= MESSAGE_CHARACTERS_MAX ? message : `${message.slice(0, MESSAGE_CHARACTERS_MAX)} … (cut)`;
}

class LineCounter {
  readonly #counts = new Map<string, number>();

  count(requestId: string | null): "yes" | "last" | "no" {
    const key = requestId ?? "";
    const count = (this.#counts.get(key) ?? 0) + 1;
    this.#counts.set(key, count);
    if (this.#counts.size > REQUESTS_COUNTED_MAX) {
      const [oldest] = this.#counts.keys();
      if (oldest !== undefined) this.#counts.delete(oldest);
    }
    if (count <= LINES_PER_REQUEST_MAX) return "yes";
    return count === LINES_PER_REQUEST_MAX + 1 ? "last" : "no";
  }
}
