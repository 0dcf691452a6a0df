/** Calls that wait for an instance: so many of one organization, and so many in all, as each holds a connection and memory. */
export type WaitingBounds = { perOrganizationMax: number; totalMax: number };

export class WaitingRoom {
  readonly #bounds: WaitingBounds;
  readonly #waiting = new Map<string, number>();
  #total = 0;

  constructor(bounds: WaitingBounds) {
    this.#bounds = bounds;
  }

  get total(): number {
    return this.#total;
  }

  /** A seat, or undefined where there is none: the caller is told to come back. */
  enter(organizationId: string): { leave(): void } | undefined {
    const waiting = this.#waiting.get(organizationId) ?? 0;
    if (waiting >= this.#bounds.perOrganizationMax || this.#total >= this.#bounds.totalMax) return undefined;
    this.#waiting.set(organizationId, waiting + 1);
    this.#total += 1;
    return { leave: () => this.#leave(organizationId) };
  }

  #leave(organizationId: string): void {
    const waiting = (this.#waiting.get(organizationId) ?? 1) - 1;
    this.#total -= 1;
    if (waiting > 0) this.#waiting.set(organizationId, waiting);
    else this.#waiting.delete(organizationId);
  }
}
