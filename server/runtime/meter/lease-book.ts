import { setTimeout as wait } from "node:timers/promises";
import type { Db } from "#server/db/client.ts";
import { returnLease, takeLease } from "#server/metering/lease.ts";
import type { Usage } from "#server/metering/usage.ts";
import { asId } from "#server/std/id.ts";
import type { Log } from "#server/std/log.ts";
import { LeaseAccount, nothing, type Quantities } from "./lease-account.ts";

/** What is wanted at a time: it should do for a second or more, and be no great part of a month. */
const WANT: Quantities = { requests: 2_000, cpuNs: 60_000_000_000, egressBytes: 64_000_000 };
/** And for the worst case of so many calls at once, which may be most of it: at a limit of 30 s of CPU two calls reserve a minute. */
const CALLS_AT_ONCE = 32;
/** Who asks again so soon wants twice as much the next time, up to so many times. */
const SOON_MS = 1_000;
const GROWTH_MAX = 32;
/** Below this part of what is wanted, more is asked for before anyone has to wait. */
const LOW_PART = 0.5;
/** How often it is looked at what runs low, and what is held for nothing. */
const LOOK_EVERY_MS = 50;
const IDLE_MS = 5_000;
/** What other calls have reserved comes back when they end: so long a call waits for that. */
const RESERVED_MS_MAX = 3_000;
const ASK_AGAIN_MS = 50;
/** A flood of calls past the cap asks Postgres, or waits for what is reserved, no more often than this. */
const REFUSED_MS = 1_000;

/** `isReserved`: something is left, but others hold it, and it may come back at any moment. */
export type LeaseOutcome =
  | { kind: "granted" }
  | { kind: "refused"; reason: string; isReserved: boolean }
  | { kind: "unavailable" };

type Entry = {
  readonly account: LeaseAccount;
  growth: number;
  takenAtMs: number;
  /** The last grant was less than was wanted: the budget runs out, and asking sooner would not bring more. */
  isScarce: boolean;
  /** What was free when it was last looked at, and since when it has been so. */
  seen: { requests: number; sinceMs: number };
  refused: { untilMs: number; outcome: LeaseOutcome } | undefined;
  taking: Promise<LeaseOutcome> | undefined;
};

/** The leases of this runtime's life, by organization: taken from the budgets in Postgres ahead of need, given back when idle. */
export class LeaseBook {
  readonly #db: Db;
  readonly #epoch: bigint;
  readonly #log: Log;
  readonly #entries = new Map<string, Entry>();
  /** Those that hold something; the others cost nothing until they are asked for again. */
  readonly #active = new Set<string>();
  readonly #timer: NodeJS.Timeout;

  constructor(db: Db, epoch: bigint, log: Log) {
    this.#db = db;
    this.#epoch = epoch;
    this.#log = log;
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS);
  }

  account(organizationId: string): LeaseAccount {
    return this.#entry(organizationId).account;
  }

  /** Sees to it that the account holds at least this much, if the budget has it. */
  async ensure(organizationId: string, least: Quantities): Promise<LeaseOutcome> {
    const entry = this.#entry(organizationId);
    const deadline = Date.now() + RESERVED_MS_MAX;
    for (;;) {
      if (holds(entry.account, least)) return { kind: "granted" };
      if (entry.refused && entry.refused.untilMs > Date.now()) return entry.refused.outcome;
      const taken = await this.#takeOnce(organizationId, entry, least);
      // Others may have been quicker, or asked for less.
      if (taken.kind === "granted") continue;
      if (taken.kind === "unavailable" || !taken.isReserved) return taken;
      if (Date.now() > deadline) return refuse(entry, taken);
      // What is missing may lie here: as egress, where CPU is asked for.
      if (!(await this.#giveBack(organizationId, entry, least))) await wait(ASK_AGAIN_MS);
    }
  }

  /**
   * Its budget was changed: what was refused may be granted now, and what is held may be worth more than it was. So what is
   * free is given back, also what a wish under way still brings, and asked for again under the new budget.
   */
  async changed(organizationId: string): Promise<void> {
    const entry = this.#entries.get(organizationId);
    if (!entry) return;
    entry.refused = undefined;
    await this.#giveBack(organizationId, entry);
    if (!entry.taking) return;
    await entry.taking;
    await this.#giveBack(organizationId, entry);
  }

  /** Gives back what is left. To be called when nothing more begins. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all([...this.#entries].map(([id, entry]) => this.#giveBack(id, entry)));
  }

  #entry(organizationId: string): Entry {
    const known = this.#entries.get(organizationId);
    if (known) return known;
    const account = new LeaseAccount(LeaseAccount.newMemory());
    const entry: Entry = {
      account,
      growth: 1,
      takenAtMs: 0,
      isScarce: false,
      seen: { requests: 0, sinceMs: 0 },
      refused: undefined,
      taking: undefined,
    };
    this.#entries.set(organizationId, entry);
    return entry;
  }

  #takeOnce(organizationId: string, entry: Entry, least: Quantities): Promise<LeaseOutcome> {
    entry.taking ??= this.#take(organizationId, entry, least).finally(() => (entry.taking = undefined));
    return entry.taking;
  }

  async #take(organizationId: string, entry: Entry, least: Quantities): Promise<LeaseOutcome> {
    const nowMs = Date.now();
    entry.growth = nowMs - entry.takenAtMs < SOON_MS ? Math.min(GROWTH_MAX, entry.growth * 2) : 1;
    entry.takenAtMs = nowMs;
    try {
      const want = usageOf(larger(times(WANT, entry.growth), times(least, CALLS_AT_ONCE)));
      const answer = await takeLease(this.#db, {
        organizationId: asId("organization", organizationId),
        epoch: this.#epoch,
        want,
        least: usageOf(missing(entry.account, least)),
      });
      if (answer.kind === "granted") {
        const granted = quantitiesOf(answer.granted);
        entry.account.add(granted);
        entry.isScarce = meters.some((meter) => answer.granted[meter] < want[meter]);
        // Taking ahead of need is no use of it: who is idle gives back, however little there was to take.
        const sinceMs = meters.some((meter) => least[meter] > 0) ? nowMs : entry.seen.sinceMs;
        entry.seen = { requests: entry.seen.requests + granted.requests, sinceMs };
        this.#active.add(organizationId);
        return { kind: "granted" };
      }
      const isReserved = answer.because === "leased_elsewhere";
      const outcome = { kind: "refused", reason: answer.reason, isReserved } as const;
      return isReserved ? outcome : refuse(entry, outcome);
    } catch (error) {
      this.#log.warn({ err: error, organizationId }, "a lease could not be taken: Postgres is away");
      return { kind: "unavailable" };
    }
  }

  #look(): void {
    const nowMs = Date.now();
    for (const organizationId of this.#active) {
      const entry = this.#entry(organizationId);
      const { free } = entry.account;
      if (free.requests !== entry.seen.requests) entry.seen = { requests: free.requests, sinceMs: nowMs };
      if (nowMs - entry.seen.sinceMs > IDLE_MS) void this.#giveBack(organizationId, entry);
      else if (isLow(free, times(WANT, entry.growth * LOW_PART)) && mayAsk(entry, nowMs))
        void this.#takeOnce(organizationId, entry, { requests: 0, cpuNs: 0, egressBytes: 0 });
    }
  }

  /** Gives back all that is free but `keep`, and says whether that was anything. */
  async #giveBack(organizationId: string, entry: Entry, keep: Quantities = nothing): Promise<boolean> {
    const free = entry.account.drain();
    const kept = smaller(free, keep);
    const back = without(free, kept);
    if (isNothing(kept)) this.#active.delete(organizationId);
    else entry.account.add(kept);
    if (isNothing(back)) return false;
    try {
      await returnLease(this.#db, {
        organizationId: asId("organization", organizationId),
        epoch: this.#epoch,
        back: usageOf(back),
      });
      return true;
    } catch (error) {
      // Perhaps only the answer was lost, and others hold it by now: using it again might pass the cap. Where it was not
      // given back, it stays reserved until this life's journal is in the ledger.
      this.#log.warn(
        { err: error, organizationId },
        "whether a lease was given back is not known: it is not used again",
      );
      return false;
    }
  }
}

const meters = ["requests", "cpuNs", "egressBytes"] as const;

function refuse(entry: Entry, outcome: LeaseOutcome): LeaseOutcome {
  entry.refused = { untilMs: Date.now() + REFUSED_MS, outcome };
  return outcome;
}

function mayAsk({ taking, refused, isScarce, takenAtMs }: Entry, nowMs: number): boolean {
  if (taking || (refused && refused.untilMs > nowMs)) return false;
  return !isScarce || nowMs - takenAtMs > SOON_MS;
}

function holds({ free }: LeaseAccount, least: Quantities): boolean {
  const left = free;
  return meters.every((meter) => left[meter] >= least[meter]);
}

function isLow(free: Quantities, mark: Quantities): boolean {
  return meters.some((meter) => free[meter] < mark[meter]);
}

/** What has to be added so that the account holds `least`, debts included. */
function missing({ free }: LeaseAccount, least: Quantities): Quantities {
  const of = (meter: (typeof meters)[number]): number => Math.max(0, least[meter] - free[meter]);
  return { requests: of("requests"), cpuNs: of("cpuNs"), egressBytes: of("egressBytes") };
}

function larger(one: Quantities, other: Quantities): Quantities {
  const of = (meter: (typeof meters)[number]): number => Math.max(one[meter], other[meter]);
  return { requests: of("requests"), cpuNs: of("cpuNs"), egressBytes: of("egressBytes") };
}

function smaller(one: Quantities, other: Quantities): Quantities {
  const of = (meter: (typeof meters)[number]): number => Math.min(one[meter], other[meter]);
  return { requests: of("requests"), cpuNs: of("cpuNs"), egressBytes: of("egressBytes") };
}

function without(whole: Quantities, part: Quantities): Quantities {
  const of = (meter: (typeof meters)[number]): number => whole[meter] - part[meter];
  return { requests: of("requests"), cpuNs: of("cpuNs"), egressBytes: of("egressBytes") };
}

function isNothing(quantities: Quantities): boolean {
  return meters.every((meter) => quantities[meter] === 0);
}

function times({ requests, cpuNs, egressBytes }: Quantities, factor: number): Quantities {
  return { requests: requests * factor, cpuNs: cpuNs * factor, egressBytes: egressBytes * factor };
}

function usageOf({ requests, cpuNs, egressBytes }: Quantities): Usage {
  return {
    requests: BigInt(Math.ceil(requests)),
    cpuNs: BigInt(Math.ceil(cpuNs)),
    egressBytes: BigInt(Math.ceil(egressBytes)),
  };
}

function quantitiesOf({ requests, cpuNs, egressBytes }: Usage): Quantities {
  return { requests: Number(requests), cpuNs: Number(cpuNs), egressBytes: Number(egressBytes) };
}
