import { z } from "zod";

/** How many values fell up to each bound (and not below the one before), how many were greater, and their sum. */
export const histogramCounts = z.object({ bounds: z.array(z.number()), counts: z.array(z.number()), sum: z.number() });
export type HistogramCounts = z.infer<typeof histogramCounts>;

/** Counts values in fixed buckets. Bounds ascend; a value equal to one falls under it. */
export class Histogram {
  readonly #bounds: readonly number[];
  readonly #counts: number[];
  #sum = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = Array.from({ length: bounds.length + 1 }, () => 0);
  }

  add(value: number): void {
    const at = this.#bounds.findIndex((bound) => value <= bound);
    const bucket = at < 0 ? this.#bounds.length : at;
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#sum += value;
  }

  read(): HistogramCounts {
    return { bounds: [...this.#bounds], counts: [...this.#counts], sum: this.#sum };
  }
}
