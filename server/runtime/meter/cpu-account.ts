import { Mutex } from "./mutex.ts";

/**
 * Who is at work in one instance, and what of its CPU is whose. It lies in memory that the gateway's threads and the
 * supervisor of instances share, so that a call takes its place, is timed and leaves without a message.
 *
 * At each event the clock's advance since the last one is divided equally among the shares that are open; what advances
 * with none open is idle; what came before the process listened is start-up. So attributed + start-up + idle = the
 * kernel's total, always, and a call that is alone is charged exactly what it used. A running sum of "nanoseconds for
 * each share" makes an event cost the same however many shares are open. All in nanoseconds; 2^53 ns are 104 days.
 */
export class CpuAccount {
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #sums: Float64Array;
  readonly #begun: Float64Array;
  readonly #keys: Int32Array;
  readonly #states: Int32Array;
  readonly #nextFree: Int32Array;
  readonly #mutex: Mutex;
  readonly #readNs: () => number | undefined;

  /** `readNs` reads the process's CPU clock; undefined when it is gone, and then the last reading stands. */
  constructor(memory: SharedArrayBuffer, readNs: () => number | undefined) {
    const places = placesOf(memory);
    this.memory = memory;
    this.#readNs = readNs;
    this.#words = new Int32Array(memory, 0, WORDS);
    this.#sums = new Float64Array(memory, WORDS * 4, SUMS);
    this.#begun = new Float64Array(memory, WORDS * 4 + SUMS * 8, places);
    const states = WORDS * 4 + SUMS * 8 + places * 8;
    this.#states = new Int32Array(memory, states, places);
    this.#nextFree = new Int32Array(memory, states + places * 4, places);
    this.#keys = new Int32Array(memory, states + places * 8, places * 2);
    this.#mutex = new Mutex(this.#words, Word.mutex);
  }

  /** Memory for an instance that works on `callsMax` calls at a time, and on as many bits of work after answers as `AFTER_MAX`. */
  static memoryFor(callsMax: number): SharedArrayBuffer {
    const memory = new SharedArrayBuffer(WORDS * 4 + SUMS * 8 + (callsMax + AFTER_MAX) * PLACE_BYTES);
    const words = new Int32Array(memory, 0, WORDS);
    words[Word.callsMax] = callsMax;
    words[Word.firstFree] = NONE;
    return memory;
  }

  /** A call takes a place: its number, or undefined when the instance is full or takes nobody. */
  enter(key: CallKey): number | undefined {
    this.#mutex.lock();
    try {
      if (this.#words[Word.isClosed] !== 0 || this.#words[Word.calls]! >= this.#words[Word.callsMax]!) return undefined;
      this.#settle();
      this.#words[Word.calls]! += 1;
      this.#words[Word.begun]! += 1;
      return this.#open(key, State.call);
    } finally {
      this.#mutex.unlock();
    }
  }

  /** The call's answer is over: what it used. Work that it left to waitUntil goes on as a share of its own in the same place. */
  leave(place: number): number {
    this.#mutex.lock();
    try {
      this.#settle();
      this.#words[Word.calls]! -= 1;
      const cpuNs = this.#used(place);
      if (this.#states[place] === State.callThatWaits) {
        this.#begun[place] = this.#sums[Sum.perShareNs]!;
        this.#states[place] = State.after;
        return cpuNs;
      }
      return cpuNs + this.#free(place);
    } finally {
      this.#mutex.unlock();
    }
  }

  /** What a place has used so far. */
  usedNs(place: number): number {
    this.#mutex.lock();
    try {
      this.#settle();
      return this.#used(place);
    } finally {
      this.#mutex.unlock();
    }
  }

  /**
   * The instance says that a call has given work to waitUntil. The word may come before the answer is over or, as it takes
   * another way, just after it. It may be forged without end: past AFTER_MAX it is not heard, and false is returned.
   */
  beginAfter(key: CallKey): boolean {
    this.#mutex.lock();
    try {
      if (this.#words[Word.afters]! >= AFTER_MAX || this.#words[Word.isGone] !== 0) return false;
      const place = this.#find(key);
      if (place !== undefined && this.#states[place] !== State.call) return false;
      this.#words[Word.afters]! += 1;
      if (place === undefined) {
        this.#settle();
        this.#open(key, State.after);
      } else this.#states[place] = State.callThatWaits;
      return true;
    } finally {
      this.#mutex.unlock();
    }
  }

  /** That work is done: what it used once the answer was over, or undefined when there was none such. */
  endAfter(key: CallKey): number | undefined {
    this.#mutex.lock();
    try {
      const place = this.#find(key);
      if (place === undefined || this.#states[place] === State.call) return undefined;
      this.#words[Word.afters]! -= 1;
      if (this.#states[place] === State.callThatWaits) {
        this.#states[place] = State.call;
        return undefined;
      }
      this.#settle();
      return this.#used(place) + this.#free(place);
    } finally {
      this.#mutex.unlock();
    }
  }

  /** Whether a call of this key is still to be answered. */
  isAnswering(key: CallKey): boolean {
    this.#mutex.lock();
    try {
      const place = this.#find(key);
      return place !== undefined && this.#states[place] !== State.after;
    } finally {
      this.#mutex.unlock();
    }
  }

  /** The largest share that is open now, which a limit is held against, and what is open of work after answers. */
  look(): { largestNs: number; aftersNs: number } {
    this.#mutex.lock();
    try {
      this.#settle();
      let largestNs = 0;
      let aftersNs = 0;
      for (let place = 0; place < this.#words[Word.placesUsed]!; place += 1) {
        if (this.#states[place] === State.free) continue;
        largestNs = Math.max(largestNs, this.#used(place));
        if (this.#states[place] === State.after) aftersNs += this.#used(place);
      }
      return { largestNs, aftersNs };
    } finally {
      this.#mutex.unlock();
    }
  }

  /** Brings the sums up to now. */
  settle(): CpuTotals {
    this.#mutex.lock();
    try {
      this.#settle();
      return {
        totalNs: this.#sums[Sum.lastNs]!,
        startUpNs: this.#sums[Sum.startUpNs]!,
        idleNs: this.#sums[Sum.idleNs]!,
      };
    } finally {
      this.#mutex.unlock();
    }
  }

  /** From here on the process takes calls: what it used before was its start. */
  listens(): void {
    this.#mutex.lock();
    this.#settle();
    this.#sums[Sum.listenedAtNs] = monotonicNs();
    this.#words[Word.isListening] = 1;
    this.#mutex.unlock();
  }

  /** Whether new calls may enter. */
  close(isClosed: boolean): void {
    Atomics.store(this.#words, Word.isClosed, isClosed ? 1 : 0);
  }

  /** The process is over, or about to be killed: the clock is read a last time, and its pid may soon be another's. */
  gone(): void {
    this.#mutex.lock();
    if (this.#words[Word.isGone] === 0) {
      this.#settle();
      this.#words[Word.callsAtEnd] = this.#words[Word.calls]!;
    }
    this.#words[Word.isClosed] = 1;
    this.#words[Word.isGone] = 1;
    this.#mutex.unlock();
  }

  /** Whoever leaves tells the supervisor, as somebody waits for the place. */
  set hasWaiters(hasWaiters: boolean) {
    Atomics.store(this.#words, Word.hasWaiters, hasWaiters ? 1 : 0);
  }

  get hasWaiters(): boolean {
    return Atomics.load(this.#words, Word.hasWaiters) === 1;
  }

  get isClosed(): boolean {
    return Atomics.load(this.#words, Word.isClosed) === 1;
  }

  get isListening(): boolean {
    return Atomics.load(this.#words, Word.isListening) === 1;
  }

  /** For how long it has taken calls, on a clock that all threads share; undefined when it doesn't yet. */
  get listeningForUs(): number | undefined {
    return this.isListening ? (monotonicNs() - this.#sums[Sum.listenedAtNs]!) / 1000 : undefined;
  }

  /** Calls that are being answered. */
  get calls(): number {
    return Atomics.load(this.#words, Word.calls);
  }

  /** How many it has ever taken; of 32 bits, so it goes round. */
  get begun(): number {
    return Atomics.load(this.#words, Word.begun);
  }

  /** How many were being answered when the process ended. */
  get callsAtEnd(): number {
    return Atomics.load(this.#words, Word.callsAtEnd);
  }

  /** Calls, and work that goes on after one. */
  get shares(): number {
    return Atomics.load(this.#words, Word.shares);
  }

  #settle(): void {
    const nowNs = this.#words[Word.isGone] === 0 ? this.#readNs() : undefined;
    const sums = this.#sums;
    if (nowNs === undefined || nowNs <= sums[Sum.lastNs]!) return;
    const advanceNs = nowNs - sums[Sum.lastNs]!;
    sums[Sum.lastNs] = nowNs;
    const shares = this.#words[Word.shares]!;
    if (this.#words[Word.isListening] === 0) sums[Sum.startUpNs]! += advanceNs;
    else if (shares === 0) sums[Sum.idleNs]! += advanceNs;
    else {
      const sharedNs = advanceNs + sums[Sum.restNs]!;
      const eachNs = Math.floor(sharedNs / shares);
      sums[Sum.perShareNs]! += eachNs;
      sums[Sum.restNs] = sharedNs - eachNs * shares;
    }
  }

  #used(place: number): number {
    return this.#sums[Sum.perShareNs]! - this.#begun[place]!;
  }

  #open(key: CallKey, state: number): number {
    const words = this.#words;
    let place = words[Word.firstFree]!;
    if (place === NONE) {
      place = words[Word.placesUsed]!;
      words[Word.placesUsed]! += 1;
    } else words[Word.firstFree] = this.#nextFree[place]!;
    this.#begun[place] = this.#sums[Sum.perShareNs]!;
    this.#states[place] = state;
    this.#keys[place * 2] = key.a;
    this.#keys[place * 2 + 1] = key.b;
    words[Word.shares]! += 1;
    return place;
  }

  /** Gives a place up, and returns what didn't divide among shares: whoever leaves takes it, so that nothing is lost. */
  #free(place: number): number {
    const words = this.#words;
    this.#states[place] = State.free;
    this.#nextFree[place] = words[Word.firstFree]!;
    words[Word.firstFree] = place;
    words[Word.shares]! -= 1;
    const restNs = this.#sums[Sum.restNs]!;
    this.#sums[Sum.restNs] = 0;
    return restNs;
  }

  #find({ a, b }: CallKey): number | undefined {
    for (let place = 0; place < this.#words[Word.placesUsed]!; place += 1) {
      if (this.#keys[place * 2] === a && this.#keys[place * 2 + 1] === b && this.#states[place] !== State.free)
        return place;
    }
    return undefined;
  }
}

/** The machine's own clock, the same in every thread; performance.now() begins anew in each. 2^53 ns are 104 days, then it rounds. */
function monotonicNs(): number {
  return Number(process.hrtime.bigint());
}

/** Work after answers that is told apart in one instance; what is beyond it is shared among the others, or background. */
export const AFTER_MAX = 1_000;

export type CpuTotals = { totalNs: number; startUpNs: number; idleNs: number };

/** A request id in 64 bits. Two ids that meet in it would be of one tenant's own function, as places are an instance's. */
export type CallKey = { readonly a: number; readonly b: number };

/** FNV-1a, twice, from different beginnings. */
export function callKey(requestId: string): CallKey {
  let a = 0x81_1c_9d_c5 | 0;
  let b = 0x01_00_01_93 | 0;
  for (let at = 0; at < requestId.length; at += 1) {
    const code = requestId.charCodeAt(at);
    a = Math.imul(a ^ code, 0x01_00_01_93);
    b = Math.imul(b ^ (code + at), 0x01_00_01_93);
  }
  return { a, b };
}

const NONE = -1;
const PLACE_BYTES = 24;
const WORDS = 16;
const SUMS = 8;

const Word = {
  mutex: 0,
  isListening: 1,
  isClosed: 2,
  isGone: 3,
  calls: 4,
  callsMax: 5,
  shares: 6,
  afters: 7,
  firstFree: 8,
  placesUsed: 9,
  hasWaiters: 10,
  callsAtEnd: 11,
  begun: 12,
} as const;

const Sum = { lastNs: 0, startUpNs: 1, idleNs: 2, perShareNs: 3, restNs: 4, listenedAtNs: 5 } as const;

const State = { free: 0, call: 1, callThatWaits: 2, after: 3 } as const;

function placesOf(memory: SharedArrayBuffer): number {
  return (memory.byteLength - WORDS * 4 - SUMS * 8) / PLACE_BYTES;
}
