import { setTimeout as wait } from "node:timers/promises";
import { readBatch, type Batch, type Position } from "./journal-reader.ts";
import type { JournalRecord } from "./journal-record.ts";

/** Once the ledger keeps the shipper waiting for this long, those who only watch go on by themselves, this often. */
const AHEAD_EVERY_MS = 500;

/** What is known of a journal that another thread writes: its folder, and which segment it writes; those before it are complete. */
export type JournalView = { readonly dir: string; readonly currentSegment: number };

/** One who only watches what is written. */
export type Watcher = (records: readonly JournalRecord[]) => void;

/**
 * Reads a journal for the shipper, and shows each record, once and in order, to one who only watches. As a rule it is shown
 * what the shipper reads; while Postgres is away it goes ahead, so that an outage can be seen from outside while it lasts.
 */
export class JournalWatch {
  readonly #journal: JournalView;
  readonly #see: Watcher;
  #seenTo: Position | undefined;

  /** `seenTo`: where an earlier thread of the same life had got to. */
  constructor(journal: JournalView, see: Watcher, seenTo?: Position) {
    this.#journal = journal;
    this.#see = see;
    this.#seenTo = seenTo;
  }

  get seenTo(): Position | undefined {
    return this.#seenTo;
  }

  /** The shipper's next batch. It ends where the watcher stands, if that is further on: no batch is half seen. */
  async read(from: Position): Promise<Batch> {
    const seenTo = (this.#seenTo ??= from);
    const { dir } = this.#journal;
    if (!isBefore(from, seenTo)) return this.#show(await readBatch(dir, from));
    return readBatch(dir, from, from.segment === seenTo.segment ? seenTo.offset - from.offset : undefined);
  }

  /** Shows what there is, whether or not the shipper has read it. Not while it reads. */
  async goAhead(): Promise<void> {
    while (this.#seenTo) {
      // Asked before reading: a segment that is complete by then has its end in what is read now.
      const { currentSegment, dir } = this.#journal;
      const from = this.#seenTo;
      const { atEnd } = this.#show(await readBatch(dir, from));
      if (!atEnd) continue;
      if (from.segment >= currentSegment) return;
      this.#seenTo = { segment: from.segment + 1, offset: 0 };
    }
  }

  /** The place is noted first: what fails to be shown is shown never, rather than twice. */
  #show(batch: Batch): Batch {
    this.#seenTo = batch.next;
    this.#see(batch.records);
    return batch;
  }
}

/** Waits for work of the shipper's that reads no journal, and goes ahead with all of them when that takes long. */
export async function watchDuring<Result>(watches: readonly JournalWatch[], work: Promise<Result>): Promise<Result> {
  const isOver = work.then(
    () => true,
    () => true,
  );
  while (!(await Promise.race([isOver, wait(AHEAD_EVERY_MS, false, { ref: false })]))) {
    for (const watch of watches) await watch.goAhead();
  }
  return work;
}

function isBefore(a: Position, b: Position): boolean {
  return a.segment < b.segment || (a.segment === b.segment && a.offset < b.offset);
}
