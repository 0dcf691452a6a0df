import type { Db } from "#server/db/client.ts";
import { budgetState, type Budget } from "#server/metering/budget.ts";
import type { Usage } from "#server/metering/usage.ts";
import type { Id } from "#server/std/id.ts";
import type { Picocents } from "#server/std/money.ts";
import { drillCost } from "./drill-budget.ts";
import { meanwhile } from "./meanwhile.ts";

const LOOK_EVERY_MS = 10;

export type Look = {
  used: Usage;
  leased: Usage;
  /** What is in the ledger. */
  spent: Picocents;
  /** The most that spent and reserved together have come to at any look. */
  highest: Picocents;
  looks: number;
  /** Since when, by performance.now(), nothing has changed. */
  quietSinceMs: number;
};

/**
 * Looks at an organization's budget again and again. What it sees is one row, read in one statement, so used and reserved
 * are always of the same instant.
 */
export class DrillWatch {
  readonly #db: Db;
  readonly #organizationId: Id<"organization">;
  readonly #budget: Budget;
  readonly #watching: ReturnType<typeof meanwhile>;
  #last: Look;

  constructor(db: Db, of: { organizationId: Id<"organization">; budget: Budget }) {
    this.#db = db;
    this.#organizationId = of.organizationId;
    this.#budget = of.budget;
    const nothing = { requests: 0n, cpuNs: 0n, egressBytes: 0n };
    const free = drillCost(of.budget, nothing);
    this.#last = { used: nothing, leased: nothing, spent: free, highest: free, looks: 0, quietSinceMs: 0 };
    this.#watching = meanwhile(LOOK_EVERY_MS, () => this.#look());
  }

  get last(): Look {
    return this.#last;
  }

  /** Ends with one more look. Rejects if one has failed: what wasn't watched can't be reported. */
  async stop(): Promise<Look> {
    await this.#watching.stop();
    await this.#look();
    return this.#last;
  }

  async #look(): Promise<void> {
    const { used, leased } = await budgetState(this.#db, this.#organizationId);
    const before = this.#last;
    const together = drillCost(this.#budget, sum(used, leased));
    const isSame = equal(used, before.used) && equal(leased, before.leased) && before.looks > 0;
    this.#last = {
      used,
      leased,
      spent: drillCost(this.#budget, used),
      highest: together > before.highest ? together : before.highest,
      looks: before.looks + 1,
      quietSinceMs: isSame ? before.quietSinceMs : performance.now(),
    };
  }
}

function sum(one: Usage, other: Usage): Usage {
  return {
    requests: one.requests + other.requests,
    cpuNs: one.cpuNs + other.cpuNs,
    egressBytes: one.egressBytes + other.egressBytes,
  };
}

function equal(one: Usage, other: Usage): boolean {
  return one.requests === other.requests && one.cpuNs === other.cpuNs && one.egressBytes === other.egressBytes;
}
