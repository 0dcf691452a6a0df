import { join } from "node:path";
import type { JournalPlace } from "./journal.ts";

/** The journals of one life: the main thread's, and one of each thread of the gateway. They share an epoch and its numbers. */
export class Journals {
  readonly dir: string;
  readonly #places: readonly JournalPlace[];
  readonly #canWrite: boolean[];
  #lastSeq = 0;

  /** `threads` beside the main one; `dir` holds one folder for each. */
  constructor(dir: string, threads: number) {
    const stride = threads + 1;
    this.dir = dir;
    this.#places = Array.from({ length: stride }, (_, at) => ({ dir: join(dir, String(at)), first: at + 1, stride }));
    this.#canWrite = this.#places.map(() => true);
  }

  get dirs(): string[] {
    return this.#places.map((place) => place.dir);
  }

  /** 0: the main thread's. */
  place(at: number): JournalPlace {
    const place = this.#places[at];
    if (!place) throw new Error(`there is no journal ${at}`);
    return place;
  }

  get canWrite(): boolean {
    return !this.#canWrite.includes(false);
  }

  /** The largest number given out, as far as it was told. */
  get lastSeq(): number {
    return this.#lastSeq;
  }

  wrote(lastSeq: number): void {
    this.#lastSeq = Math.max(this.#lastSeq, lastSeq);
  }

  allows(at: number, canWrite: boolean): void {
    this.#canWrite[at] = canWrite;
  }
}
