import { Mutex } from "./mutex.ts";

/** How much of each meter. Whole numbers below 2^53: leases are small parts of a month. */
export type Quantities = { requests: number; cpuNs: number; egressBytes: number };

export const nothing: Quantities = { requests: 0, cpuNs: 0, egressBytes: 0 };

/**
 * What is left of the lease of one organization, in memory that all threads share: the worst case of a call is taken out
 * before it begins, and what it didn't use is put back at its end. So nothing begins for which there is no allowance.
 * It may be below zero for a moment, where something came to more than was taken for it; then nothing begins either.
 */
export class LeaseAccount {
  readonly memory: SharedArrayBuffer;
  readonly #free: Float64Array;
  readonly #mutex: Mutex;

  constructor(memory: SharedArrayBuffer) {
    this.memory = memory;
    this.#mutex = new Mutex(new Int32Array(memory, 0, 1), 0);
    this.#free = new Float64Array(memory, 8, 3);
  }

  static newMemory(): SharedArrayBuffer {
    return new SharedArrayBuffer(8 + 3 * 8);
  }

  /** Takes all of it, or nothing and false. */
  reserve({ requests, cpuNs, egressBytes }: Quantities): boolean {
    const free = this.#free;
    this.#mutex.lock();
    const has = free[0]! >= requests && free[1]! >= cpuNs && free[2]! >= egressBytes;
    if (has) {
      free[0]! -= requests;
      free[1]! -= cpuNs;
      free[2]! -= egressBytes;
    }
    this.#mutex.unlock();
    return has;
  }

  /** Puts back what was reserved less what was used of it. */
  settle(reserved: Quantities, used: Quantities): void {
    this.add({
      requests: reserved.requests - used.requests,
      cpuNs: reserved.cpuNs - used.cpuNs,
      egressBytes: reserved.egressBytes - used.egressBytes,
    });
  }

  add({ requests, cpuNs, egressBytes }: Quantities): void {
    this.#mutex.lock();
    this.#free[0]! += requests;
    this.#free[1]! += cpuNs;
    this.#free[2]! += egressBytes;
    this.#mutex.unlock();
  }

  /** Empties it, and says what was in it: what is given back to the budget. */
  drain(): Quantities {
    this.#mutex.lock();
    const [requests = 0, cpuNs = 0, egressBytes = 0] = this.#free.map((left) => Math.max(0, left));
    this.#free[0]! -= requests;
    this.#free[1]! -= cpuNs;
    this.#free[2]! -= egressBytes;
    this.#mutex.unlock();
    return { requests, cpuNs, egressBytes };
  }

  get free(): Quantities {
    this.#mutex.lock();
    const [requests = 0, cpuNs = 0, egressBytes = 0] = this.#free;
    this.#mutex.unlock();
    return { requests, cpuNs, egressBytes };
  }
}
