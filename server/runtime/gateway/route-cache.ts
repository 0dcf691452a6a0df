import type { LeaseSource } from "./reservation.ts";
import type { Route } from "./thread-messages.ts";

export type KnownRoute = Route & { rateWords: BigInt64Array<SharedArrayBuffer>; leaseSource: LeaseSource };

/** Names whose answer is kept, those that lead nowhere included: a flood of made-up names must not fill the memory. */
const KNOWN_MAX = 10_000;

/** What this thread knows of names: asked of the supervisor once, kept until it says that they may lead elsewhere. */
export class RouteCache {
  readonly #ask: (label: string) => Promise<KnownRoute | null>;
  readonly #known = new Map<string, KnownRoute | null>();
  readonly #asking = new Map<string, Promise<KnownRoute | null>>();
  /** Counts what was forgotten, so that an answer to a question from before isn't kept. */
  #era = 0;

  constructor(ask: (label: string) => Promise<KnownRoute | null>) {
    this.#ask = ask;
  }

  get(label: string): KnownRoute | null | Promise<KnownRoute | null> {
    const known = this.#known.get(label);
    if (known !== undefined) return known;
    const asking = this.#asking.get(label) ?? this.#find(label);
    this.#asking.set(label, asking);
    return asking;
  }

  /** Null: all of them. */
  forget(labels: readonly string[] | null): void {
    this.#era += 1;
    this.#asking.clear();
    if (labels === null) this.#known.clear();
    else for (const label of labels) this.#known.delete(label);
  }

  async #find(label: string): Promise<KnownRoute | null> {
    const era = this.#era;
    const route = await this.#ask(label);
    if (era !== this.#era) return route;
    this.#asking.delete(label);
    this.#known.set(label, route);
    if (this.#known.size > KNOWN_MAX) {
      const [oldest] = this.#known.keys();
      if (oldest !== undefined) this.#known.delete(oldest);
    }
    return route;
  }
}
