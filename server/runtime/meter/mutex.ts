/** States of the word: as in "Futexes Are Tricky" (Drepper, 2011), so that an uncontended lock makes no system call. */
const FREE = 0;
const HELD = 1;
const HELD_WITH_WAITERS = 2;

/** A holder needs microseconds, unless the kernel takes its core away; then sleeping beats spinning. */
const SPINS = 100;
const WAIT_MS_MAX = 5;

/** Mutual exclusion between threads, on one word of shared memory. Not re-entrant, and held for microseconds only. */
export class Mutex {
  readonly #words: Int32Array;
  readonly #at: number;

  constructor(words: Int32Array, at: number) {
    this.#words = words;
    this.#at = at;
  }

  lock(): void {
    const words = this.#words;
    const at = this.#at;
    for (let spin = 0; spin < SPINS; spin += 1) {
      if (Atomics.compareExchange(words, at, FREE, HELD) === FREE) return;
    }
    while (Atomics.exchange(words, at, HELD_WITH_WAITERS) !== FREE) {
      Atomics.wait(words, at, HELD_WITH_WAITERS, WAIT_MS_MAX);
    }
  }

  unlock(): void {
    if (Atomics.exchange(this.#words, this.#at, FREE) === HELD_WITH_WAITERS) Atomics.notify(this.#words, this.#at, 1);
  }
}
