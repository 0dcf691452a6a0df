import type { CallCounts } from "#server/runtime/sandbox/sandbox.ts";

/**
 * How many exchanges an instance may begin. An exchange doesn't say which request it belongs to, so the bound is the
 * instance's: each call that it begins brings as many as the function's limit says, calls in flight share them, and
 * what is unused expires as they end. One call's worth outlives the last of them, as work given to waitUntil may begin
 * after the answer; work that belongs to no call brings nothing.
 */
export class SubRequests {
  readonly #perCall: number;
  readonly #calls: CallCounts;
  #left = 0;
  #seen = 0;

  constructor(perCall: number, calls: CallCounts) {
    this.#perCall = perCall;
    this.#calls = calls;
  }

  /** False when there is none left. Calls are counted by the gateway's threads: so they are looked at here, and not told of. */
  take(): boolean {
    const { begun, shares } = this.#calls;
    const brought = ((begun - this.#seen) | 0) * this.#perCall; // the count is of 32 bits, and goes round
    this.#seen = begun;
    this.#left = Math.min(this.#left + brought, this.#perCall * Math.max(shares, 1));
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}
