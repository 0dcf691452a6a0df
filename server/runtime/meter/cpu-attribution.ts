/**
 * Shares an instance's CPU among its requests. At each start and finish of a request, the clock's advance since the last
 * event is divided equally among those in flight; what advances with none in flight is idle; what came before the
 * first request is start-up. So attributed + start-up + idle = the kernel's total, always, and a request that is alone
 * is charged exactly what it used. All in nanoseconds.
 */
export class CpuAttribution {
  readonly #readNs: () => number | undefined;
  readonly #inFlight = new Set<CpuShare>();
  #lastNs = 0;
  #startUpNs = 0;
  #idleNs = 0;
  #hasServed = false;

  /** `readNs` reads the process's CPU clock; undefined when it is gone, and then the last reading stands. */
  constructor(readNs: () => number | undefined) {
    this.#readNs = readNs;
  }

  /** A request enters; with a share that is already held elsewhere, that one is used. */
  begin(share: CpuShare = { cpuNs: 0 }): CpuShare {
    this.#settle();
    this.#hasServed = true;
    this.#inFlight.add(share);
    return share;
  }

  /** A request is over: its share is final. Ending one twice changes nothing. */
  end(share: CpuShare): void {
    if (!this.#inFlight.has(share)) return;
    this.#settle();
    this.#inFlight.delete(share);
  }

  /** Brings every share up to now. */
  settle(): CpuTotals {
    this.#settle();
    return { totalNs: this.#lastNs, startUpNs: this.#startUpNs, idleNs: this.#idleNs };
  }

  get inFlight(): number {
    return this.#inFlight.size;
  }

  #settle(): void {
    const nowNs = this.#readNs();
    if (nowNs === undefined || nowNs <= this.#lastNs) return;
    const advanceNs = nowNs - this.#lastNs;
    this.#lastNs = nowNs;
    if (this.#inFlight.size > 0) this.#divide(advanceNs);
    else if (this.#hasServed) this.#idleNs += advanceNs;
    else this.#startUpNs += advanceNs;
  }

  /** Whole nanoseconds, so that the shares add up to the advance; the first ones take what doesn't divide. */
  #divide(advanceNs: number): void {
    const each = Math.floor(advanceNs / this.#inFlight.size);
    let rest = advanceNs - each * this.#inFlight.size;
    for (const share of this.#inFlight) {
      share.cpuNs += rest > 0 ? each + 1 : each;
      rest -= 1;
    }
  }
}

/** What one request has used so far; final once it has ended. */
export type CpuShare = { cpuNs: number };

export type CpuTotals = { totalNs: number; startUpNs: number; idleNs: number };
