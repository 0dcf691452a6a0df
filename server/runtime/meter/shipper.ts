import { readdir, rm } from "node:fs/promises";
import { setTimeout as wait } from "node:timers/promises";
import type { Db } from "#server/db/client.ts";
import { markShipped, recordUsage } from "#server/metering/ledger.ts";
import type { Log } from "#server/std/log.ts";
import { segmentPath } from "./journal.ts";
import type { Batch, Position } from "./journal-reader.ts";
import { JournalWatch, watchDuring, type Watcher } from "./journal-watch.ts";
import type { ShipProgress } from "./ship-messages.ts";
import { factOf } from "./usage-facts.ts";

/** Records gather for this long before they are sent: a page shows a request well within a second. */
const GATHER_MS = 40;
/** While nothing happens the ledger is told that nothing is missing: closing an hour waits for that word. */
const IDLE_MARK_MS = 5_000;
const RETRY_MS_MIN = 100;
const RETRY_MS_MAX = 5_000;

/** One journal: its folder, which segment is being written (those before it are complete), and how far it was read. */
class ShippedJournal {
  readonly dir: string;
  readonly watch: JournalWatch;
  currentSegment = 0;
  position: Position | undefined;

  constructor({ dir, seenTo }: { dir: string; seenTo: Position | undefined }, see: Watcher) {
    this.dir = dir;
    this.watch = new JournalWatch(this, see, seenTo);
  }
}

/** What was read of one journal, and what becomes of its view once the ledger has it. */
type Reading = { view: ShippedJournal; batch: Batch; from: Position; currentSegment: number };

export type ShipperParts = {
  /** One a thread that writes; how far an earlier thread of this life has shown it. */
  journals: readonly { dir: string; seenTo: Position | undefined }[];
  db: Db;
  epoch: bigint;
  log: Log;
  /** Shown every record once, also while Postgres is away. */
  see: Watcher;
  /** Called when the ledger has come further. */
  onProgress(): void;
};

/**
 * Carries the journals of this life to the ledger, those of all threads in one batch. It reads the files, as recovery does, so what is shipped is what was
 * written; the ledger takes each (epoch, seq) once, so shipping a batch again after a lost answer does no harm.
 */
export class Shipper {
  readonly #parts: ShipperParts;
  readonly #journals: readonly ShippedJournal[];
  readonly #watches: readonly JournalWatch[];
  #wake: (() => void) | undefined;
  #hasNews = false;
  #markedAtMs = 0;
  #progress: ShipProgress = { shippedSeq: 0, shippedAtMs: Date.now() };
  #stopping = false;
  readonly #running: Promise<void>;

  constructor(parts: ShipperParts) {
    this.#parts = parts;
    this.#journals = parts.journals.map((journal) => new ShippedJournal(journal, parts.see));
    this.#watches = this.#journals.map((journal) => journal.watch);
    this.#running = this.#run();
  }

  get progress(): ShipProgress {
    return this.#progress;
  }

  /** For each journal, how far its records have been shown to the one who watches. */
  get seenTo(): (Position | null)[] {
    return this.#watches.map((watch) => watch.seenTo ?? null);
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
        this.#parts.log.warn(
          { err: error, retryMs },
          "usage could not be shipped to the ledger; it stays in the journal and is tried again",
        );
        this.#hasNews = true;
        await watchDuring(this.#watches, wait(retryMs));
        retryMs = Math.min(retryMs * 2, RETRY_MS_MAX);
      }
    }
  }

  /** One batch; true when there was nothing more to read. */
  async #ship(): Promise<boolean> {
    const readAt = new Date();
    const readings = await Promise.all(this.#journals.map((view) => this.#read(view)));
    const { db, epoch } = this.#parts;
    const records = readings.flatMap(({ batch }) => batch.records);
    const facts = records.flatMap((record) => factOf(epoch, record) ?? []);
    await watchDuring(this.#watches, recordUsage(db, facts));
    this.#came({ shippedSeq: facts.reduce((most, { seq }) => Math.max(most, Number(seq)), this.#progress.shippedSeq) });
    const isAtEnd = await Promise.all(readings.map((reading) => this.#advance(reading)));
    if (isAtEnd.includes(false)) return false;
    if (records.length > 0 || readAt.getTime() - this.#markedAtMs >= IDLE_MARK_MS) {
      await watchDuring(this.#watches, markShipped(db, epoch, readAt));
      this.#markedAtMs = readAt.getTime();
      this.#came({ shippedAtMs: this.#markedAtMs });
    }
    return true;
  }

  #came(further: Partial<ShipProgress>): void {
    this.#progress = { ...this.#progress, ...further };
    this.#parts.onProgress();
  }

  async #read(view: ShippedJournal): Promise<Reading> {
    // Asked before reading: a segment that is complete by then has its end in what is read now.
    const { currentSegment, dir } = view;
    const from = (view.position ??= { segment: await firstSegment(dir), offset: 0 });
    const batch = await view.watch.read(from);
    if (batch.damagedLines > 0) {
      this.#parts.log.error(
        { damagedLines: batch.damagedLines, at: from },
        "damaged lines in the journal were left out",
      );
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
