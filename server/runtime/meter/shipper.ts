import { readdir, rm } from "node:fs/promises";
import { setTimeout as wait } from "node:timers/promises";
import type { Db } from "#server/db/client.ts";
import { markShipped, recordUsage } from "#server/metering/ledger.ts";
import type { Log } from "#server/std/log.ts";
import { segmentPath } from "./journal.ts";
import { readBatch, type Batch, type Position } from "./journal-reader.ts";
import { factOf } from "./usage-facts.ts";

/** Records gather for this long before they are sent: a page shows a request well within a second. */
const GATHER_MS = 40;
/** While nothing happens the ledger is told that nothing is missing: closing an hour waits for that word. */
const IDLE_MARK_MS = 5_000;
const RETRY_MS_MIN = 100;
const RETRY_MS_MAX = 5_000;

/** One journal: its folder, which segment is being written (those before it are complete), and how far it was read. */
type JournalView = { readonly dir: string; currentSegment: number; position: Position | undefined };

/** What was read of one journal, and what becomes of its view once the ledger has it. */
type Reading = { view: JournalView; batch: Batch; from: Position; currentSegment: number };

/**
 * Carries the journals of this life to the ledger, those of all threads in one batch. It reads the files, as recovery does, so what is shipped is what was
 * written; the ledger takes each (epoch, seq) once, so shipping a batch again after a lost answer does no harm.
 */
export class Shipper {
  readonly #journals: readonly JournalView[];
  readonly #db: Db;
  readonly #epoch: bigint;
  readonly #log: Log;
  #wake: (() => void) | undefined;
  #hasNews = false;
  #markedAtMs = 0;
  #stopping = false;
  readonly #running: Promise<void>;

  constructor(dirs: readonly string[], db: Db, epoch: bigint, log: Log) {
    this.#journals = dirs.map((dir) => ({ dir, currentSegment: 0, position: undefined }));
    this.#db = db;
    this.#epoch = epoch;
    this.#log = log;
    this.#running = this.#run();
  }

  /** Ships what is there and ends; true when the ledger has all of it. */
  async stop(timeMsMax: number): Promise<boolean> {
    this.#stopping = true;
    this.#hasNews = true;
    this.#wake?.();
    const gaveUp = wait(timeMsMax, false as const, { ref: false });
    return Promise.race([this.#running.then(() => true as const), gaveUp]);
  }

  /** There is something new. For each journal, in the order of their folders, the segment that is being written. */
  written(currentSegments: readonly number[]): void {
    for (const [at, view] of this.#journals.entries()) view.currentSegment = currentSegments[at] ?? view.currentSegment;
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
    const readings = await Promise.all(this.#journals.map((view) => this.#read(view)));
    const records = readings.flatMap(({ batch }) => batch.records);
    await recordUsage(
      this.#db,
      records.flatMap((record) => factOf(this.#epoch, record) ?? []),
    );
    const isAtEnd = await Promise.all(readings.map((reading) => this.#advance(reading)));
    if (isAtEnd.includes(false)) return false;
    if (records.length > 0 || readAt.getTime() - this.#markedAtMs >= IDLE_MARK_MS) {
      await markShipped(this.#db, this.#epoch, readAt);
      this.#markedAtMs = readAt.getTime();
    }
    return true;
  }

  async #read(view: JournalView): Promise<Reading> {
    // Asked before reading: a segment that is complete by then has its end in what is read now.
    const { currentSegment, dir } = view;
    const from = (view.position ??= { segment: await firstSegment(dir), offset: 0 });
    const batch = await readBatch(dir, from);
    if (batch.damagedLines > 0) {
      this.#log.error({ damagedLines: batch.damagedLines, at: from }, "damaged lines in the journal were left out");
    }
    return { view, batch, from, currentSegment };
  }

  /** The ledger has it: true when there was nothing more to read of that journal. */
  async #advance({ view, batch, from, currentSegment }: Reading): Promise<boolean> {
    view.position = batch.next;
    if (!batch.atEnd) return false;
    if (from.segment >= currentSegment) return true;
    await rm(segmentPath(view.dir, from.segment), { force: true });
    view.position = { segment: from.segment + 1, offset: 0 };
    return false;
  }
}

/** Those before it are in the ledger, and gone. */
async function firstSegment(dir: string): Promise<number> {
  const segments = (await readdir(dir)).flatMap((name) => (name.endsWith(".journal") ? Number.parseInt(name, 10) : []));
  return Math.min(...segments);
}
