import type { Db } from "#server/db/client.ts";
import { recordLogs, type LogFact } from "#server/metering/logs.ts";
import type { Log } from "#server/std/log.ts";

const SHIP_EVERY_MS = 150;
const BATCH_LINES_MAX = 1_000;
/** Lines that wait for Postgres. Logs are not money: past this they are dropped, and the drop is said. */
const WAITING_LINES_MAX = 20_000;

/** Carries printed lines to Postgres in batches. */
export class LogShipper {
  readonly #db: Db;
  readonly #epoch: bigint;
  readonly #log: Log;
  #waiting: LogFact[] = [];
  #seq = 0n;
  #dropped = 0;
  #droppedBefore = 0;
  #timer: NodeJS.Timeout | undefined;
  #shipping: Promise<void> | undefined;

  constructor(db: Db, epoch: bigint, log: Log) {
    this.#db = db;
    this.#epoch = epoch;
    this.#log = log;
  }

  /** Lines that were never stored, since this process began. */
  get droppedLines(): number {
    return this.#droppedBefore + this.#dropped;
  }

  add(line: Omit<LogFact, "epoch" | "seq">): void {
    if (this.#waiting.length >= WAITING_LINES_MAX) {
      this.#dropped += 1;
      return;
    }
    this.#seq += 1n;
    this.#waiting.push({ ...line, epoch: this.#epoch, seq: this.#seq });
    this.#timer ??= setTimeout(() => this.#start(), SHIP_EVERY_MS);
  }

  /** Ships what waits, once, and ends. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#shipping;
    await this.#ship();
  }

  #start(): void {
    this.#shipping = this.#ship().finally(() => {
      this.#timer = this.#waiting.length > 0 ? setTimeout(() => this.#start(), SHIP_EVERY_MS) : undefined;
    });
  }

  async #ship(): Promise<void> {
    const batch = this.#waiting.slice(0, BATCH_LINES_MAX);
    if (batch.length === 0) return;
    try {
      await recordLogs(this.#db, batch);
      this.#waiting = this.#waiting.slice(batch.length);
    } catch (error) {
      this.#log.warn(
        { err: error, waiting: this.#waiting.length },
        "printed lines could not be stored; they are tried again",
      );
    }
    if (this.#dropped > 0) {
      this.#log.warn(
        { dropped: this.#dropped },
        "printed lines were dropped: Postgres takes them slower than they come",
      );
      this.#droppedBefore += this.#dropped;
      this.#dropped = 0;
    }
  }
}
