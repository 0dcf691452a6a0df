import type { FunctionLimits } from "#server/contract/limits.ts";
import type { LeaseOutcome } from "#server/runtime/meter/lease-book.ts";
import { nothing, type LeaseAccount, type Quantities } from "#server/runtime/meter/lease-account.ts";

/** Bytes that an answer may have before more are reserved, and by how much more each time: twice as many, to a bound. */
const EGRESS_QUANTUM_BYTES = 1_000_000;
const EGRESS_STEP_BYTES_MAX = 16_000_000;
/** A limit of CPU is held by looking every 20 ms, at a process of two threads; what it burns beyond this is not charged. */
const CPU_SLACK_MS = 100;
const NS_PER_MS = 1_000_000;

export type LeaseSource = {
  account: LeaseAccount;
  /** Has the supervisor take more from the budget. */
  ensure(least: Quantities): Promise<LeaseOutcome>;
};

/** What one call may cost at most, taken out of its organization's lease before it begins, and settled when it is over. */
export class Reservation {
  readonly #source: LeaseSource;
  #reserved: Quantities = nothing;

  constructor(source: LeaseSource) {
    this.#source = source;
  }

  /** Reserves the worst case: at once where the lease has it. */
  begin(limits: FunctionLimits): LeaseOutcome | Promise<LeaseOutcome> {
    return this.#more({
      requests: 1,
      cpuNs: (limits.cpuMsMax + CPU_SLACK_MS) * NS_PER_MS,
      egressBytes: EGRESS_QUANTUM_BYTES,
    });
  }

  /** Sees to it that so many bytes in all may leave: false, perhaps later, when the budget has no more. */
  allowEgress(bytes: number): boolean | Promise<boolean> {
    const missing = bytes - this.#reserved.egressBytes;
    if (missing <= 0) return true;
    const step = Math.max(missing, Math.min(EGRESS_STEP_BYTES_MAX, this.#reserved.egressBytes));
    const outcome = this.#more({ ...nothing, egressBytes: step });
    return outcome instanceof Promise ? outcome.then(({ kind }) => kind === "granted") : outcome.kind === "granted";
  }

  /** CPU that may be charged. */
  get cpuNsMax(): number {
    return this.#reserved.cpuNs;
  }

  /** The call is over, and used this much of it. Nothing was used when it isn't charged. */
  settle(used: Quantities): void {
    this.#source.account.settle(this.#reserved, used);
    this.#reserved = nothing;
  }

  #more(wanted: Quantities): LeaseOutcome | Promise<LeaseOutcome> {
    if (this.#source.account.reserve(wanted)) {
      this.#add(wanted);
      return { kind: "granted" };
    }
    return this.#waitFor(wanted);
  }

  /** Others reserve too: what was ensured may be gone when we come to it, so it is asked for again, so many times. */
  async #waitFor(wanted: Quantities): Promise<LeaseOutcome> {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const outcome = await this.#source.ensure(wanted);
      if (outcome.kind !== "granted") return outcome;
      if (!this.#source.account.reserve(wanted)) continue;
      this.#add(wanted);
      return outcome;
    }
    return { kind: "unavailable" };
  }

  #add({ requests, cpuNs, egressBytes }: Quantities): void {
    this.#reserved = {
      requests: this.#reserved.requests + requests,
      cpuNs: this.#reserved.cpuNs + cpuNs,
      egressBytes: this.#reserved.egressBytes + egressBytes,
    };
  }
}

const ATTEMPTS_MAX = 50;
