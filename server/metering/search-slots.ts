import { Fault } from "#server/std/fault.ts";

/** Searches that may read at once: they share the console's connections with every other page. */
const AT_ONCE_MAX = 4;
const AT_ONCE_PER_ORGANIZATION_MAX = 2;
const WAIT_MS_MAX = 5_000;
const WAITING_MAX = 50;

type Waiting = { organizationId: string; enter(): void };

/** Bounds how many searches run at once in this process, and how many of them are one organization's. */
export class SearchSlots {
  readonly #running = new Map<string, number>();
  #waiting: Waiting[] = [];

  /** Runs the search once there is room for it; a fault when there is none for long. */
  async run<Result>(organizationId: string, search: () => Promise<Result>): Promise<Result> {
    await this.#enter(organizationId);
    try {
      return await search();
    } finally {
      this.#leave(organizationId);
    }
  }

  #hasRoom(organizationId: string): boolean {
    const all = [...this.#running.values()].reduce((sum, count) => sum + count, 0);
    return all < AT_ONCE_MAX && (this.#running.get(organizationId) ?? 0) < AT_ONCE_PER_ORGANIZATION_MAX;
  }

  async #enter(organizationId: string): Promise<void> {
    if (!this.#hasRoom(organizationId)) await this.#turn(organizationId);
    else this.#take(organizationId);
  }

  #turn(organizationId: string): Promise<void> {
    if (this.#waiting.length >= WAITING_MAX) return Promise.reject(tooMany());
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting = this.#waiting.filter((entry) => entry !== waiting);
        reject(tooMany());
      }, WAIT_MS_MAX);
      const waiting = {
        organizationId,
        enter: () => {
          clearTimeout(timer);
          resolve();
        },
      };
      this.#waiting.push(waiting);
    });
  }

  #take(organizationId: string): void {
    this.#running.set(organizationId, (this.#running.get(organizationId) ?? 0) + 1);
  }

  #leave(organizationId: string): void {
    const left = (this.#running.get(organizationId) ?? 1) - 1;
    if (left > 0) this.#running.set(organizationId, left);
    else this.#running.delete(organizationId);
    const next = this.#waiting.find((entry) => this.#hasRoom(entry.organizationId));
    if (!next) return;
    this.#waiting = this.#waiting.filter((entry) => entry !== next);
    this.#take(next.organizationId);
    next.enter();
  }
}

function tooMany(): Fault {
  return new Fault("too_many", "Too many searches are under way. Wait some seconds and search again.");
}
