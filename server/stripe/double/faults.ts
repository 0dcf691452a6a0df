/**
 * What can go wrong between two machines. "before" means that Stripe did nothing, "after" that it did all of it and its
 * answer was lost: whoever calls can't tell the two apart.
 */
export type FaultKind =
  | "drop-before"
  | "drop-after"
  | "hang-before"
  | "hang-after"
  | "truncate"
  | "500-before"
  | "500-after"
  | "429"
  | "409"
  | "401"
  | "403"
  | "swallow";

export type FaultRule = {
  kind: FaultKind;
  /** Part of "POST /v1/billing/meter_events"; all requests when it is empty. */
  match: string;
  /** How often; forever when undefined. */
  times?: number | undefined;
};

/** Faults that are waiting for a request, in the order in which they were asked for. */
export class Faults {
  readonly #rules: FaultRule[] = [];
  /** No connection is answered at all: a network or a Stripe that is away. */
  isDown = false;

  add(rule: FaultRule): void {
    this.#rules.push({ ...rule });
  }

  clear(): void {
    this.#rules.length = 0;
    this.isDown = false;
  }

  take(request: string): FaultKind | undefined {
    const rule = this.#rules.find(({ match, times }) => request.includes(match) && times !== 0);
    if (rule?.times !== undefined) rule.times -= 1;
    return rule?.kind;
  }
}
