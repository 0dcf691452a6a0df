import { answerCodes, type AnswerCode } from "./answer.ts";

/**
 * How many requests were answered by the platform before they became a call, by code: they have no START and no END, so no
 * ledger and no line tells of them. In memory that all threads share; after 2^32 a count begins again, which Prometheus
 * takes for a restart.
 */
export class TurnedAway {
  readonly memory: SharedArrayBuffer;
  readonly #counts: Uint32Array;

  constructor(memory: SharedArrayBuffer) {
    this.memory = memory;
    this.#counts = new Uint32Array(memory);
  }

  static newMemory(): SharedArrayBuffer {
    return new SharedArrayBuffer(answerCodes.length * Uint32Array.BYTES_PER_ELEMENT);
  }

  add(code: AnswerCode): void {
    Atomics.add(this.#counts, answerCodes.indexOf(code), 1);
  }

  /** Codes that were never answered are left out. */
  read(): { code: AnswerCode; count: number }[] {
    return answerCodes.flatMap((code, at) => {
      const count = Atomics.load(this.#counts, at);
      return count === 0 ? [] : [{ code, count }];
    });
  }
}
