import { closeSync, fdatasync, mkdirSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { Log } from "#server/std/log.ts";
import { errnoOf } from "#server/std/fault.ts";
import { encodeRecord, type JournalRecord } from "./journal-record.ts";

/** A power cut loses at most this much. A killed process loses nothing: what was written is the kernel's. */
const FSYNC_EVERY_MS = 10;
/** A START waits at most this long for the next END to share its write with. */
const START_DELAY_MS = 5;
const SEGMENT_BYTES_MAX = 16 * 1024 * 1024;
const RETRY_MS = 500;
const SETTLE_POLL_MS = 10;

/** The file of a segment; a folder holds one journal of one epoch. */
export function segmentPath(dir: string, segment: number): string {
  return join(dir, `${String(segment).padStart(8, "0")}.journal`);
}

/** Where a journal lies, and which numbers are its own: those of one life's journals interleave, so that none is given twice. */
export type JournalPlace = { dir: string; first: number; stride: number };

/**
 * The append-only record of what was served, on the local disk: written before the last byte of an answer leaves,
 * shipped to the ledger afterwards. One writer a folder.
 */
export class Journal {
  readonly dir: string;
  readonly #log: Log;
  #fd: number;
  #segment = 0;
  #segmentBytes = 0;
  #nextSeq: number;
  readonly #stride: number;
  /** Encoded, not yet written: for a moment, or everything while the disk refuses. */
  #pending = "";
  /** The last call that has begun and whose START isn't written; 0 when there is none. */
  #startedSeq = 0;
  #startTimer: NodeJS.Timeout | undefined;
  #syncTimer: NodeJS.Timeout | undefined;
  #failing = false;
  #callsOpen = 0;
  /** Called when there is something new to ship. */
  onWritten: () => unknown = () => undefined;
  /** Called when the disk begins to refuse records, and when it takes them again. */
  onCanWrite: (canWrite: boolean) => unknown = () => undefined;

  constructor(place: JournalPlace, log: Log) {
    const { dir } = place;
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    this.dir = dir;
    this.#nextSeq = place.first;
    this.#stride = place.stride;
    this.#log = log;
    this.#fd = openSync(segmentPath(dir, 0), "ax", 0o600);
  }

  /** Whether the disk takes records. While it doesn't, no new request may begin: it could not be accounted for. */
  get canWrite(): boolean {
    return !this.#failing;
  }

  /** The segment that is being written; those before it are complete. */
  get currentSegment(): number {
    return this.#segment;
  }

  /** The last number given out. */
  get lastSeq(): number {
    return Math.max(0, this.#nextSeq - this.#stride);
  }

  nextSeq(): number {
    const seq = this.#nextSeq;
    this.#nextSeq += this.#stride;
    return seq;
  }

  /** A call begins. Written within 5 ms, or with the next record; one START speaks for all that began before it. */
  start(seq: number): void {
    this.#startedSeq = seq;
    this.#callsOpen += 1;
    this.#startTimer ??= setTimeout(() => this.#writeStart(), START_DELAY_MS);
  }

  /** In the kernel's hands when this returns, unless the disk refuses; then it is kept and tried again. */
  append(record: JournalRecord): void {
    if (record.kind === "end") this.#callsOpen -= 1;
    this.#addStart();
    this.#pending += encodeRecord(record);
    if (!this.#failing) this.#write();
  }

  /** Waits until every call that began has its END, or the time is over: then those are lost, and never charged. */
  async settled(timeMsMax: number): Promise<void> {
    const deadline = Date.now() + timeMsMax;
    while (this.#callsOpen > 0 && Date.now() < deadline) await wait(SETTLE_POLL_MS);
  }

  /** Writes and syncs what is left. Nothing may be appended afterwards. */
  async close(): Promise<void> {
    this.#addStart();
    this.#write();
    clearTimeout(this.#startTimer);
    clearTimeout(this.#syncTimer);
    await new Promise<void>((resolve) => fdatasync(this.#fd, () => resolve()));
    closeSync(this.#fd);
  }

  #writeStart(): void {
    this.#startTimer = undefined;
    this.#addStart();
    if (!this.#failing) this.#write();
  }

  #addStart(): void {
    if (this.#startedSeq > 0) this.#pending += encodeRecord({ kind: "start", seq: this.#startedSeq });
    this.#startedSeq = 0;
  }

  #write(): void {
    if (this.#pending === "") return;
    const bytes = Buffer.from(this.#pending);
    try {
      this.#writeAll(bytes);
    } catch (error) {
      this.#refused(error);
      return;
    }
    this.#pending = "";
    if (this.#failing) this.onCanWrite(true);
    this.#failing = false;
    this.#syncTimer ??= setTimeout(() => this.#sync(), FSYNC_EVERY_MS);
    if (this.#segmentBytes > SEGMENT_BYTES_MAX) this.#rotate();
    this.onWritten();
  }

  /** A short write (a full disk) leaves a torn line; a newline ends it, so that what is written later stands by itself. */
  #writeAll(bytes: Buffer): void {
    const written = writeSync(this.#fd, bytes);
    this.#segmentBytes += written;
    if (written === bytes.length) return;
    this.#pending = `\n${this.#pending}`;
    throw Object.assign(new Error("the disk took only a part"), { code: "ENOSPC" });
  }

  #refused(error: unknown): void {
    if (!this.#failing) {
      this.#log.error(
        { err: error, code: errnoOf(error) },
        "the journal cannot be written: new requests are refused until it can",
      );
      this.onCanWrite(false);
    }
    this.#failing = true;
    setTimeout(() => this.#write(), RETRY_MS).unref();
  }

  #sync(): void {
    fdatasync(this.#fd, (error) => {
      this.#syncTimer = undefined;
      if (error && errnoOf(error) !== "EBADF") this.#log.error({ err: error }, "the journal could not be synced");
    });
  }

  /** Where no new file can be opened the old one goes on growing, until it can. */
  #rotate(): void {
    const full = this.#fd;
    try {
      this.#fd = openSync(segmentPath(this.dir, this.#segment + 1), "ax", 0o600);
    } catch (error) {
      this.#log.error({ err: error }, "the journal could not begin a new segment; it goes on with the old one");
      return;
    }
    this.#segment += 1;
    this.#segmentBytes = 0;
    fdatasync(full, () => closeSync(full));
  }
}
