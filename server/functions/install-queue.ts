import { Fault } from "#server/std/fault.ts";
import type { Id } from "#server/std/id.ts";

export type InstallBounds = {
  /** Installs of this process at once: npm takes a core and some hundred MB each. */
  runningMax: number;
  /** Those that wait for their turn, of all organizations and of one. */
  waitingMax: number;
  waitingPerOrganizationMax: number;
  /** After this the person is told instead of being left waiting. */
  waitMsMax: number;
};

const BOUNDS: InstallBounds = { runningMax: 2, waitingMax: 32, waitingPerOrganizationMax: 4, waitMsMax: 60_000 };

type Waiter = { enter(): void };

/**
 * Turns for installing packages. An organization has one at a time, and organizations take turns: one that deploys many
 * functions makes another wait for one install of its own at most.
 */
export class InstallQueue {
  readonly #bounds: InstallBounds;
  readonly #running = new Set<Id<"organization">>();
  /** In the order of their next turn. */
  readonly #waiting = new Map<Id<"organization">, Waiter[]>();
  #waitingCount = 0;

  constructor(bounds: Partial<InstallBounds> = {}) {
    this.#bounds = { ...BOUNDS, ...bounds };
  }

  /** Does the work when it is its turn. A fault says that too many wait, or that it took too long. */
  async run<Result>(organizationId: Id<"organization">, work: () => Promise<Result>): Promise<Result> {
    if (this.#mayRun(organizationId) && this.#waitingCount === 0) this.#running.add(organizationId);
    else await this.#turn(organizationId);
    try {
      return await work();
    } finally {
      this.#running.delete(organizationId);
      this.#goBehindOthers(organizationId);
      this.#callNext();
    }
  }

  #mayRun(organizationId: Id<"organization">): boolean {
    return this.#running.size < this.#bounds.runningMax && !this.#running.has(organizationId);
  }

  #turn(organizationId: Id<"organization">): Promise<void> {
    const waiting = this.#waiting.get(organizationId) ?? [];
    if (waiting.length >= this.#bounds.waitingPerOrganizationMax) {
      throw new Fault(
        "too_many",
        "Packages of your other deploys are being installed. Deploy again when those are done.",
      );
    }
    if (this.#waitingCount >= this.#bounds.waitingMax) throw busy();
    this.#waiting.set(organizationId, waiting);
    this.#waitingCount += 1;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(() => {
      this.#remove(organizationId, waiter);
      reject(busy());
    }, this.#bounds.waitMsMax);
    const waiter: Waiter = {
      enter: () => {
        clearTimeout(timer);
        resolve();
      },
    };
    waiting.push(waiter);
    this.#callNext();
    return promise;
  }

  #callNext(): void {
    for (const [organizationId, [waiter]] of this.#waiting) {
      if (this.#running.size >= this.#bounds.runningMax) return;
      if (!waiter || !this.#mayRun(organizationId)) continue;
      this.#running.add(organizationId);
      this.#remove(organizationId, waiter);
      waiter.enter();
    }
  }

  #remove(organizationId: Id<"organization">, waiter: Waiter): void {
    const left = (this.#waiting.get(organizationId) ?? []).filter((one) => one !== waiter);
    this.#waitingCount -= 1;
    if (left.length === 0) this.#waiting.delete(organizationId);
    else this.#waiting.set(organizationId, left);
  }

  /** Who has had its turn comes after all who wait for theirs. */
  #goBehindOthers(organizationId: Id<"organization">): void {
    const left = this.#waiting.get(organizationId);
    if (!left) return;
    this.#waiting.delete(organizationId);
    this.#waiting.set(organizationId, left);
  }
}

function busy(): Fault {
  return new Fault("unavailable", "Many functions install packages right now. Deploy again in a minute.");
}
