import { z } from "zod";
import { coldStartBoundsMs, requestOutcome, type RequestOutcome } from "#server/contract/usage.ts";
import type { EndRecord } from "#server/runtime/meter/journal-record.ts";
import { Histogram, histogramCounts } from "./histogram.ts";

/** Upper bounds of the buckets, in seconds: a warm call takes about 1 ms, and nothing may take longer than minutes. */
const DURATION_BOUNDS_S = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** What the calls of a runtime's life add up to. */
export const callTotals = z.object({
  byOutcome: z.partialRecord(requestOutcome, z.number()),
  cpuS: z.number(),
  durationS: histogramCounts,
  coldStartS: histogramCounts,
});
export type CallTotalsRead = z.infer<typeof callTotals>;

/** Adds up calls as they end. They carry no tenant's name: an operator's Prometheus must not grow with tenants. */
export class CallTotals {
  readonly #byOutcome: Partial<Record<RequestOutcome, number>> = {};
  readonly #durationS = new Histogram(DURATION_BOUNDS_S);
  readonly #coldStartS = new Histogram(coldStartBoundsMs.map((ms) => ms / 1000));
  #cpuNs = 0;

  add({ outcome, wallUs, cpuNs, startUs }: EndRecord): void {
    this.#byOutcome[outcome] = (this.#byOutcome[outcome] ?? 0) + 1;
    this.#durationS.add(wallUs / 1e6);
    this.#cpuNs += cpuNs;
    if (startUs !== undefined) this.#coldStartS.add(startUs / 1e6);
  }

  read(): CallTotalsRead {
    return {
      byOutcome: { ...this.#byOutcome },
      cpuS: this.#cpuNs / 1e9,
      durationS: this.#durationS.read(),
      coldStartS: this.#coldStartS.read(),
    };
  }
}
