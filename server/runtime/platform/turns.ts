import { Fault } from "#server/std/fault.ts";

export type TurnBounds = {
  /** Works at once, of all owners, and of one. */
  atOnceMax: number;
  atOncePerOwnerMax: number;
  waitingPerOwnerMax: number;
  waitMsMax: number;
};

type Waiter = { begin(): void };

/** Bounds how much goes on at once. Owners that wait take turns, so that one with much to do doesn't hold up those with little. */
export class Turns {
  readonly #bounds: TurnBounds;
  readonly #running = new Map<string, number>();
  /** Who has waited longest for a turn stands first. */
  readonly #waiting = new Map<string, Waiter[]>();
  #runningInAll = 0;

  constructor(bounds: TurnBounds) {
    this.#bounds = bounds;
  }

  /** Does the work once it is its turn; a fault when that doesn't come in time. */
  async run<Result>(owner: string, work: () => Promise<Result>): Promise<Result> {
    if (this.#hasRoom(owner)) this.#begin(owner);
    else await this.#wait(owner);
    try {
      return await work();
    } finally {
      this.#end(owner);
    }
  }

  #hasRoom(owner: string): boolean {
    const { atOnceMax, atOncePerOwnerMax } = this.#bounds;
    return this.#runningInAll < atOnceMax && (this.#running.get(owner) ?? 0) < atOncePerOwnerMax;
  }

  #begin(owner: string): void {
    this.#runningInAll += 1;
    this.#running.set(owner, (this.#running.get(owner) ?? 0) + 1);
  }

  #wait(owner: string): Promise<void> {
    const queue = this.#waiting.get(owner) ?? [];
    if (queue.length >= this.#bounds.waitingPerOwnerMax) return Promise.reject(tooMany());
    this.#waiting.set(owner, queue);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        queue.splice(queue.indexOf(waiter), 1);
        if (queue.length === 0) this.#waiting.delete(owner);
        reject(tooMany());
      }, this.#bounds.waitMsMax);
      const waiter = {
        begin: () => {
          clearTimeout(timer);
          resolve();
        },
      };
      queue.push(waiter);
    });
  }

  #end(owner: string): void {
    this.#runningInAll -= 1;
    const left = (this.#running.get(owner) ?? 1) - 1;
    if (left > 0) this.#running.set(owner, left);
    else this.#running.delete(owner);
    this.#next();
  }

  #next(): void {
    for (const [owner, queue] of this.#waiting) {
      if (!this.#hasRoom(owner)) continue;
      const waiter = queue.shift();
      // To the end of the line, with what it still has waiting.
      this.#waiting.delete(owner);
      if (queue.length > 0) this.#waiting.set(owner, queue);
      if (!waiter) continue;
      this.#begin(owner);
      return waiter.begin();
    }
  }
}

function tooMany(): Fault {
  return new Fault("too_many", "Too many operations on keys are under way. Make fewer at a time.");
}
