import { Fault } from "#server/std/fault.ts";

/**
 * What lies in this process's memory on its way between functions and storage, bounded in all and for each owner: a
 * function that reads its answer slowly, or sends its value so, holds no more of it than its own share.
 */
export class HeldBytes {
  readonly #bytesMax: number;
  readonly #perOwnerMax: number;
  readonly #held = new Map<string, number>();
  #inAll = 0;

  constructor({ bytesMax, perOwnerMax }: { bytesMax: number; perOwnerMax: number }) {
    this.#bytesMax = bytesMax;
    this.#perOwnerMax = perOwnerMax;
  }

  /** For one exchange; what it holds is given back when it ends. */
  open(owner: string): Hold {
    let own = 0;
    return {
      add: (bytes) => {
        own += bytes;
        this.#move(owner, bytes);
        if (this.#inAll > this.#bytesMax || (this.#held.get(owner) ?? 0) > this.#perOwnerMax) throw tooMuch();
      },
      release: () => {
        this.#move(owner, -own);
        own = 0;
      },
    };
  }

  #move(owner: string, bytes: number): void {
    this.#inAll += bytes;
    const now = (this.#held.get(owner) ?? 0) + bytes;
    if (now === 0) this.#held.delete(owner);
    else this.#held.set(owner, now);
  }
}

export type Hold = {
  /** A fault when that is too much; it counts until it is released all the same. */
  add(bytes: number): void;
  release(): void;
};

function tooMuch(): Fault {
  return new Fault("too_many", "Too many large values are under way at once. Make fewer at a time.");
}
