import { MINUTE_MS } from "#server/std/clock.ts";

/** What the functions of an organization may print on this node, all instances together: so much at once, and so much a minute after. */
export const LINES_PER_MINUTE_MAX = 20_000;
export const BYTES_PER_MINUTE_MAX = 10_000_000;
/** Budgets that are kept before those that are full again are looked for, and forgotten. */
const SWEEP_AT = 1_024;

type Budget = { lines: number; bytes: number; atMs: number };

/** One budget an organization: a bucket of lines and one of bytes, both full after a minute without printing. */
export class LogBudgets {
  readonly #budgets = new Map<string, Budget>();

  /** Takes a line from the budget; false, and nothing taken, when it is used up. */
  take(organizationId: string, bytes: number, nowMs: number): boolean {
    const budget = this.#refilled(organizationId, nowMs);
    if (budget.lines < 1 || budget.bytes < bytes) return false;
    budget.lines -= 1;
    budget.bytes -= bytes;
    return true;
  }

  #refilled(organizationId: string, nowMs: number): Budget {
    const known = this.#budgets.get(organizationId);
    if (!known) {
      if (this.#budgets.size >= SWEEP_AT) this.#forgetFull(nowMs);
      const full = { lines: LINES_PER_MINUTE_MAX, bytes: BYTES_PER_MINUTE_MAX, atMs: nowMs };
      this.#budgets.set(organizationId, full);
      return full;
    }
    // A clock that was set back refills nothing.
    const share = Math.max(0, nowMs - known.atMs) / MINUTE_MS;
    known.lines = Math.min(LINES_PER_MINUTE_MAX, known.lines + share * LINES_PER_MINUTE_MAX);
    known.bytes = Math.min(BYTES_PER_MINUTE_MAX, known.bytes + share * BYTES_PER_MINUTE_MAX);
    known.atMs = nowMs;
    return known;
  }

  #forgetFull(nowMs: number): void {
    for (const [organizationId, { atMs }] of this.#budgets)
      if (nowMs - atMs >= MINUTE_MS) this.#budgets.delete(organizationId);
  }
}
