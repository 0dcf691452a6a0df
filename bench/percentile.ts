/** The value below which `percent` of the values lie (nearest rank). */
export function percentile(values: readonly number[] | Float64Array, percent: number): number {
  const sorted = Float64Array.from(values).toSorted();
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  return percentile(values, 50);
}

export type Spread = { p50Ms: number; p99Ms: number };

export function spread(timesMs: readonly number[]): Spread {
  return { p50Ms: percentile(timesMs, 50), p99Ms: percentile(timesMs, 99) };
}
