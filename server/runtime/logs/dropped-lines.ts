import { BYTES_PER_MINUTE_MAX, LINES_PER_MINUTE_MAX } from "./log-budget.ts";
import type { WaitingLine } from "./log-queue.ts";

/** Why a line is not kept: its organization prints too much, or lines can't be stored as fast as they come. */
export type DropReason = "budget" | "storage";

/** A function is told of its dropped lines this long after the first of them, and again after as long while it goes on. */
const TOLD_AFTER_MS = 10_000;

type Dropped = { last: WaitingLine; reason: DropReason; lines: number; sinceMs: number; untilMs: number };

/** Counts the lines that are dropped, and puts them into one line a function that says so. */
export class DroppedLines {
  readonly #dropped = new Map<string, Dropped>();

  add(line: WaitingLine, reason: DropReason, nowMs: number): void {
    const key = `${line.functionId} ${reason}`;
    const known = this.#dropped.get(key);
    this.#dropped.set(key, {
      last: line,
      reason,
      lines: (known?.lines ?? 0) + 1,
      sinceMs: known?.sinceMs ?? nowMs,
      untilMs: nowMs,
    });
  }

  get isEmpty(): boolean {
    return this.#dropped.size === 0;
  }

  /** The lines that are due by then, at most `linesMax`, each handed out once. Functions come in the order in which they began to lose lines. */
  take(nowMs: number, linesMax: number): WaitingLine[] {
    const due: WaitingLine[] = [];
    for (const [key, dropped] of this.#dropped) {
      if (dropped.sinceMs + TOLD_AFTER_MS > nowMs || due.length >= linesMax) break;
      this.#dropped.delete(key);
      due.push(noticeOf(dropped));
    }
    return due;
  }
}

function noticeOf({ last, reason, lines, sinceMs, untilMs }: Dropped): WaitingLine {
  const count = `${lines.toLocaleString("en")} ${lines === 1 ? "line was" : "lines were"} dropped`;
  const span = `between ${clockTime(sinceMs)} and ${clockTime(untilMs)} UTC`;
  return { ...last, requestId: null, atMs: untilMs, level: "warn", message: `${count} ${span}: ${why(reason)}` };
}

function why(reason: DropReason): string {
  switch (reason) {
    case "budget": {
      const lines = LINES_PER_MINUTE_MAX.toLocaleString("en");
      const megabytes = BYTES_PER_MINUTE_MAX / 1_000_000;
      return `the functions of this organization print more than ${lines} lines or ${megabytes} MB a minute. Print less, such as one line a request.`;
    }
    case "storage":
      return "they could not be stored as fast as they were printed. The function itself ran on. If this goes on, tell your operator.";
  }
}

function clockTime(atMs: number): string {
  return new Date(atMs).toISOString().slice(11, 19);
}
