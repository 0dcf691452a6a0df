/** A place for one instance on this node, to be given back when the process is gone. */
export type Place = { listens(): void; release(): void };

type Wish = { organizationId: string; grant(place: Place): void };

export type CapacityOptions = {
  /** Instances on this node: what its memory bears. */
  instancesMax: number;
  /** Of those, what one organization may have: never all, so that another's first call finds room. */
  instancesPerOrganizationMax: number;
  /** Instances that start at the same time; more would only make each slower. */
  startingMax: number;
  /** Asked when all places are taken: ends an instance that has nothing to do, and says whether there was one. */
  makeRoom(): boolean;
};

/**
 * Who may start an instance, and when. Wishes are granted to the organization that has the fewest instances, so that one
 * which asks for many can't keep out another that asks for one.
 */
export class Capacity {
  readonly #options: CapacityOptions;
  readonly #wishes = new Map<string, Wish[]>();
  readonly #held = new Map<string, number>();
  #total = 0;
  #starting = 0;

  constructor(options: CapacityOptions) {
    this.#options = options;
  }

  get total(): number {
    return this.#total;
  }

  /** Of those, the ones that don't take calls yet, or have no process yet. */
  get starting(): number {
    return this.#starting;
  }

  /** Asks for a place. `grant` is called, perhaps at once, when it is this organization's turn. The returned function takes the wish back. */
  ask(organizationId: string, grant: Wish["grant"]): () => void {
    const wish: Wish = { organizationId, grant };
    const wishes = this.#wishes.get(organizationId);
    if (wishes) wishes.push(wish);
    else this.#wishes.set(organizationId, [wish]);
    this.#grantAll();
    return () => this.#forget(wish);
  }

  /** Looks again whether a wish can be granted: what had work to do a moment ago may have none now. */
  look(): void {
    this.#grantAll();
  }

  #grantAll(): void {
    while (this.#starting < this.#options.startingMax) {
      const wish = this.#next();
      if (!wish) return;
      if (this.#total >= this.#options.instancesMax) {
        // What ends gives its place back in a moment, and this runs again.
        this.#options.makeRoom();
        return;
      }
      this.#forget(wish);
      wish.grant(this.#take(wish.organizationId));
    }
  }

  /** Of the organizations that wait and are below their bound, the oldest wish of the one that has the fewest. */
  #next(): Wish | undefined {
    let best: Wish | undefined;
    let fewest = this.#options.instancesPerOrganizationMax;
    for (const [organizationId, [wish]] of this.#wishes) {
      const held = this.#held.get(organizationId) ?? 0;
      if (!wish || held >= fewest) continue;
      best = wish;
      fewest = held;
    }
    return best;
  }

  #take(organizationId: string): Place {
    this.#total += 1;
    this.#starting += 1;
    this.#held.set(organizationId, (this.#held.get(organizationId) ?? 0) + 1);
    let isStarting = true;
    let isHeld = true;
    const listens = (): void => {
      if (!isStarting) return;
      isStarting = false;
      this.#starting -= 1;
      this.#grantAll();
    };
    const release = (): void => {
      if (!isHeld) return;
      isHeld = false;
      this.#total -= 1;
      const left = (this.#held.get(organizationId) ?? 1) - 1;
      if (left > 0) this.#held.set(organizationId, left);
      else this.#held.delete(organizationId);
      listens();
      this.#grantAll();
    };
    return { listens, release };
  }

  #forget(wish: Wish): void {
    const wishes = this.#wishes.get(wish.organizationId);
    const at = wishes?.indexOf(wish) ?? -1;
    if (!wishes || at < 0) return;
    wishes.splice(at, 1);
    if (wishes.length === 0) this.#wishes.delete(wish.organizationId);
  }
}
