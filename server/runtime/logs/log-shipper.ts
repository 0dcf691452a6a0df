import { setTimeout as wait } from "node:timers/promises";
import type { Db } from "#server/db/client.ts";
import { recordLogs, type LogFact } from "#server/metering/logs.ts";
import type { Clock } from "#server/std/clock.ts";
import type { Log } from "#server/std/log.ts";
import { DroppedLines, type DropReason } from "./dropped-lines.ts";
import { LogBudgets } from "./log-budget.ts";
import { LogQueue, sizeOf, type WaitingLine } from "./log-queue.ts";

/** Lines gather for this long: a page shows them well within a second, and a quiet function costs Postgres little. */
const GATHER_MS = 100;
const RETRY_MS = 500;
/** To make a batch takes some 10 ms a thousand lines, for which this process serves nobody. */
const BATCH_LINES_MAX = 500;
const BATCH_BYTES_MAX = 1_000_000;
/** Lines that wait for Postgres. Logs are not money: past this they are dropped, and the function's log says so. */
const WAITING_BYTES_MAX = 64_000_000;
/** How long a stop goes on storing what waits. */
const STOP_MS_MAX = 5_000;

/** `epoch` is the life of this process, which numbers its lines. */
export type LogShipperParts = { db: Db; epoch: bigint; log: Log; clock: Clock; waitingBytesMax?: number };

/**
 * Carries printed lines to Postgres in batches, one after the other. Lines are numbered as they leave, so their numbers ascend
 * as they are stored, and who follows a log misses none.
 */
export class LogShipper {
  readonly #parts: LogShipperParts;
  readonly #budgets = new LogBudgets();
  readonly #queue: LogQueue;
  readonly #dropped = new DroppedLines();
  #seq = 0n;
  /** Sent, and not known to be stored: it is sent again as it is. */
  #batch: readonly LogFact[] = [];
  #droppedLines = 0;
  #timer: NodeJS.Timeout | undefined;
  #shipping: Promise<unknown> | undefined;
  #isStopping = false;

  constructor(parts: LogShipperParts) {
    this.#parts = parts;
    this.#queue = new LogQueue(parts.waitingBytesMax ?? WAITING_BYTES_MAX);
  }

  /** Lines that were never stored, since this process began. */
  get droppedLines(): number {
    return this.#droppedLines;
  }

  add(line: WaitingLine): void {
    const nowMs = this.#parts.clock.nowMs();
    const reason = this.#refusal(line, nowMs);
    if (reason) {
      this.#dropped.add(line, reason, nowMs);
      this.#droppedLines += 1;
    }
    this.#schedule(GATHER_MS);
  }

  /** Stores what waits, within a bound, and ends; also while Postgres answers nothing. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    clearTimeout(this.#timer);
    await Promise.race([this.#empty(), wait(STOP_MS_MAX, undefined, { ref: false })]);
  }

  async #empty(): Promise<void> {
    await this.#shipping;
    while (this.#hasWork()) if ((await this.#ship()) === "failed") return;
  }

  #refusal(line: WaitingLine, nowMs: number): DropReason | undefined {
    if (!this.#budgets.take(line.organizationId, Buffer.byteLength(line.message), nowMs)) return "budget";
    return this.#queue.add(line) ? undefined : "storage";
  }

  #hasWork(): boolean {
    return this.#batch.length > 0 || !this.#queue.isEmpty || !this.#dropped.isEmpty;
  }

  #schedule(afterMs: number): void {
    if (this.#timer !== undefined || this.#isStopping) return;
    this.#timer = setTimeout(() => {
      this.#shipping = this.#ship().then((outcome) => {
        this.#timer = undefined;
        if (this.#hasWork()) this.#schedule(pauseAfter(outcome));
      });
    }, afterMs);
  }

  async #ship(): Promise<ShipOutcome> {
    if (this.#batch.length === 0) this.#batch = this.#nextBatch();
    const { db, log } = this.#parts;
    const lines = this.#batch.length;
    if (lines === 0) return "caught_up";
    const isFull =
      lines >= BATCH_LINES_MAX || this.#batch.reduce((sum, line) => sum + sizeOf(line), 0) >= BATCH_BYTES_MAX;
    try {
      await recordLogs(db, this.#batch);
    } catch (error) {
      log.warn({ err: error, lines }, "printed lines could not be stored; they are tried again");
      return "failed";
    }
    this.#batch = [];
    return isFull ? "more_waits" : "caught_up";
  }

  /** What is told of dropped lines goes first: it is little, and would wait longest where most is printed. */
  #nextBatch(): LogFact[] {
    const { clock, epoch, log } = this.#parts;
    const notices = this.#dropped.take(this.#isStopping ? Infinity : clock.nowMs(), BATCH_LINES_MAX);
    for (const { functionId, message } of notices) log.warn({ functionId }, message);
    const room = { linesMax: BATCH_LINES_MAX - notices.length, bytesMax: BATCH_BYTES_MAX };
    const lines = [...notices, ...this.#queue.take(room)];
    return lines.map((line) => ({ ...line, epoch, seq: (this.#seq += 1n) }));
  }
}

type ShipOutcome = "caught_up" | "more_waits" | "failed";

function pauseAfter(outcome: ShipOutcome): number {
  switch (outcome) {
    case "caught_up":
      return GATHER_MS;
    case "more_waits":
      return 0;
    case "failed":
      return RETRY_MS;
  }
}
