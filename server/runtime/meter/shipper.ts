import { rm } from "node:fs/promises";
import { setTimeout as wait } from "node:timers/promises";
import type { Db } from "#server/db/client.ts";
import { markShipped, recordUsage } from "#server/metering/ledger.ts";
import type { Log } from "#server/std/log.ts";
import { segmentPath, type Journal } from "./journal.ts";
import { readBatch, type Position } from "./journal-reader.ts";
import { factOf } from "./usage-facts.ts";

/** Records gather for this long before they are sent: a page shows a request well within a second. */
const GATHER_MS = 40;
const RETRY_MS_MIN = 100;
const RETRY_MS_MAX = 5_000;

/**
 * Carries the journal of this life to the ledger. It reads the files, as recovery does, so what is shipped is what was
 * written; the ledger takes each (epoch, seq) once, so shipping a batch again after a lost answer does no harm.
 */
export class Shipper {
  readonly #journal: Journal;
  readonly #db: Db;
  readonly #epoch: bigint;
  readonly #log: Log;
  #position: Position = { segment: 0, offset: 0 };
  #wake: (() => void) | undefined;
  #hasNews = false;
  #stopping = false;
  readonly #running: Promise<void>;

  constructor(journal: Journal, db: Db, epoch: bigint, log: Log) {
    this.#journal = journal;
    this.#db = db;
    this.#epoch = epoch;
    this.#log = log;
    journal.onWritten = () => this.#signal();
    this.#running = this.#run();
  }

  /** Ships what is there and ends; true when the ledger has all of it. */
  async stop(timeMsMax: number): Promise<boolean> {
    this.#stopping = true;
    this.#signal();
    const gaveUp = wait(timeMsMax, false as const, { ref: false });
    return Promise.race([this.#running.then(() => true as const), gaveUp]);
  }

  #signal(): void {
    this.#hasNews = true;
    this.#wake?.();
  }

  async #run(): Promise<void> {
    let retryMs = RETRY_MS_MIN;
    for (;;) {
      if (!this.#hasNews && !this.#stopping) await new Promise<void>((resolve) => (this.#wake = resolve));
      this.#hasNews = false;
      if (!this.#stopping) await wait(GATHER_MS);
      try {
        const isDone = await this.#ship();
        retryMs = RETRY_MS_MIN;
        if (!isDone) this.#hasNews = true;
        else if (this.#stopping) return;
      } catch (error) {
        this.#log.warn(
          { err: error, retryMs },
          "usage could not be shipped to the ledger; it stays in the journal and is tried again",
        );
        this.#hasNews = true;
        await wait(retryMs);
        retryMs = Math.min(retryMs * 2, RETRY_MS_MAX);
      }
    }
  }

  /** One batch; true when there was nothing more to read. */
  async #ship(): Promise<boolean> {
    const readAt = new Date();
    const batch = await readBatch(this.#journal.dir, this.#position);
    if (batch.damagedLines > 0)
      this.#log.error(
        { damagedLines: batch.damagedLines, at: this.#position },
        "damaged lines in the journal were left out",
      );
    await recordUsage(
      this.#db,
      batch.records.flatMap((record) => factOf(this.#epoch, record) ?? []),
    );
    this.#position = batch.next;
    if (!batch.atEnd) return false;
    if (this.#position.segment < this.#journal.currentSegment) {
      await rm(segmentPath(this.#journal.dir, this.#position.segment), { force: true });
      this.#position = { segment: this.#position.segment + 1, offset: 0 };
      return false;
    }
    if (batch.records.length > 0) await markShipped(this.#db, this.#epoch, readAt);
    return true;
  }
}
