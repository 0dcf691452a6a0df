import { Refusal } from "./refusal.ts";

export type Limits = {
  /** Requests a second to one endpoint; Stripe's sandboxes allow 25. None when undefined. */
  perEndpoint?: number;
};

const WINDOW_MS = 1_000;

/** Counts in real time, since that is what a sender paces itself by. */
export class RateLimits {
  readonly #perEndpoint: number;
  readonly #times = new Map<string, number[]>();
  /** How often a request was turned away. */
  refusals = 0;

  constructor({ perEndpoint = Infinity }: Limits = {}) {
    this.#perEndpoint = perEndpoint;
  }

  check(endpoint: string): void {
    const now = performance.now();
    const recent = (this.#times.get(endpoint) ?? []).filter((at) => at > now - WINDOW_MS);
    if (recent.length >= this.#perEndpoint) {
      this.refusals += 1;
      throw new Refusal(429, "Request rate limit exceeded.", { type: "rate_limit_error", code: "rate_limit" });
    }
    recent.push(now);
    this.#times.set(endpoint, recent);
  }
}
