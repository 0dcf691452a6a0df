import { readdir, rm } from "node:fs/promises";
import { setTimeout as wait } from "node:timers/promises";
import type { Db } from "#server/db/client.ts";
import { markShipped, recordUsage } from "#server/metering/ledger.ts";
import type { Log } from "#server/std/log.ts";
import { segmentPath } from "./journal.ts";
import { readBatch, type Position } from "./journal-reader.ts";
import { factOf } from "./usage-facts.ts";

/** Records gather for this long before they are sent: a page shows a request well within a second. */
const GATHER_MS = 40;
/** While nothing happens the ledger is told that nothing is missing: closing an hour waits for that word. */
const IDLE_MARK_MS = 5_000;
const RETRY_MS_MIN = 100;
const RETRY_MS_MAX = 5_000;

/** What the shipper knows of the journal: its folder, and which segment is being written; those before it are complete. */
export type JournalView = { readonly dir: string; currentSegment: number };

/**
 * Carries the journal of this life to the ledger. It reads the files, as recovery does, so what is shipped is what was
 * written; the ledger takes each (epoch, seq) once, so shipping a batch again after a lost answer does no harm.
 */
export class Shipper {
  readonly #journal: JournalView;
  readonly #db: Db;
  readonly #epoch: bigint;
  readonly #log: Log;
  #position: Position | undefined;
  #wake: (() => void) | undefined;
  #hasNews = false;
  #markedAtMs = 0;
  #stopping = false;
  readonly #running: Promise<void>;

  constructor(journal: JournalView, db: Db, epoch: bigint, log: Log) {
    this.#journal = journal;
    this.#db = db;
    this.#epoch = epoch;
    this.#log = log;
    this.#running = this.#run();
  }

  /** Ships what is there and ends; true when the ledger has all of it. */
  async stop(timeMsMax: number): Promise<boolean> {
    this.#stopping = true;
    this.written();
    const gaveUp = wait(timeMsMax, false as const, { ref: false });
    return Promise.race([this.#running.then(() => true as const), gaveUp]);
  }

  /** There is something new in the journal. */
  written(): void {
    this.#hasNews = true;
    this.#wake?.();
  }

  async #news(): Promise<void> {
    const woken = new Promise<void>((resolve) => (this.#wake = resolve));
    const timer = setTimeout(() => this.#wake?.(), IDLE_MARK_MS);
    await woken;
    clearTimeout(timer);
  }

  async #run(): Promise<void> {
    let retryMs = RETRY_MS_MIN;
    for (;;) {
      if (!this.#hasNews && !this.#stopping) await this.#news();
      this.#hasNews = false;
      if (!this.#stopping) await wait(GATHER_MS);
      try {
        // Asked before reading: what was written until the stop may have come after a read that was under way then.
        const isLast = this.#stopping;
        const isDone = await this.#ship();
        retryMs = RETRY_MS_MIN;
        if (!isDone) this.#hasNews = true;
        else if (isLast) return;
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
    // Asked before reading: a segment that is complete by then has its end in what is read now.
    const { currentSegment, dir } = this.#journal;
    const from = (this.#position ??= { segment: await firstSegment(dir), offset: 0 });
    const batch = await readBatch(dir, from);
    if (batch.damagedLines > 0) {
      this.#log.error({ damagedLines: batch.damagedLines, at: from }, "damaged lines in the journal were left out");
    }
    await recordUsage(
      this.#db,
      batch.records.flatMap((record) => factOf(this.#epoch, record) ?? []),
    );
    this.#position = batch.next;
    if (!batch.atEnd) return false;
    if (from.segment < currentSegment) {
      await rm(segmentPath(dir, from.segment), { force: true });
      this.#position = { segment: from.segment + 1, offset: 0 };
      return false;
    }
    if (batch.records.length > 0 || readAt.getTime() - this.#markedAtMs >= IDLE_MARK_MS) {
      await markShipped(this.#db, this.#epoch, readAt);
      this.#markedAtMs = readAt.getTime();
    }
    return true;
  }
}

/** Those before it are in the ledger, and gone. */
async function firstSegment(dir: string): Promise<number> {
  const segments = (await readdir(dir)).flatMap((name) => (name.endsWith(".journal") ? Number.parseInt(name, 10) : []));
  return Math.min(...segments);
}
