import { nothing, type LeaseAccount, type Quantities } from "./lease-account.ts";
import type { LeaseOutcome } from "./lease-book.ts";

/** Reserved at a time for one instance. */
const QUANTUM: Quantities = { requests: 0, cpuNs: 1_000_000_000, egressBytes: 1_000_000 };
/** So much of the quantum is left when more is reserved: a process of two threads uses a fifth of it between two looks. */
const MARGIN: Quantities = { requests: 0, cpuNs: 300_000_000, egressBytes: 250_000 };

export type OwnLease = { account: LeaseAccount; ensure(least: Quantities): Promise<LeaseOutcome> };

/**
 * What an instance uses outside of its calls: CPU at its start, while idle and after answers, and bytes that it sends out.
 * It is reserved ahead of use, as a call's worst case is; only what was reserved is charged.
 */
export class OwnUse {
  readonly #lease: OwnLease;
  #covered: Quantities = nothing;
  #asking: Promise<void> | undefined;

  constructor(lease: OwnLease) {
    this.#lease = lease;
  }

  /** Keeps so much, and a margin, reserved; calls back when the budget has no more. To be called every so often. */
  cover({ cpuNs, egressBytes }: Omit<Quantities, "requests">, refused: (reason: string) => void): void {
    const isCovered =
      this.#covered.cpuNs >= cpuNs + MARGIN.cpuNs && this.#covered.egressBytes >= egressBytes + MARGIN.egressBytes;
    if (isCovered || this.#reserve() || this.#asking) return;
    this.#asking = this.#ask(refused).finally(() => (this.#asking = undefined));
  }

  /** Whether so many unreported bytes in all may have been sent. */
  maySend(egressBytes: number): boolean {
    return this.#covered.egressBytes >= egressBytes || (this.#reserve() && this.#covered.egressBytes >= egressBytes);
  }

  /** Takes what was used out of what is reserved, and says how much of it is charged. */
  charge({ cpuNs, egressBytes }: Omit<Quantities, "requests">): { cpuNs: number; egressBytes: number } {
    const charged = {
      cpuNs: Math.min(cpuNs, this.#covered.cpuNs),
      egressBytes: Math.min(egressBytes, this.#covered.egressBytes),
    };
    this.#covered = {
      requests: 0,
      cpuNs: this.#covered.cpuNs - charged.cpuNs,
      egressBytes: this.#covered.egressBytes - charged.egressBytes,
    };
    return charged;
  }

  /** The instance is over, and all that it used is charged. */
  release(): void {
    this.#lease.account.add(this.#covered);
    this.#covered = nothing;
  }

  async #ask(refused: (reason: string) => void): Promise<void> {
    const outcome = await this.#lease.ensure(QUANTUM);
    if (outcome.kind === "granted") this.#reserve();
    else if (outcome.kind === "refused") refused(outcome.reason);
  }

  #reserve(): boolean {
    if (!this.#lease.account.reserve(QUANTUM)) return false;
    this.#covered = {
      requests: 0,
      cpuNs: this.#covered.cpuNs + QUANTUM.cpuNs,
      egressBytes: this.#covered.egressBytes + QUANTUM.egressBytes,
    };
    return true;
  }
}
