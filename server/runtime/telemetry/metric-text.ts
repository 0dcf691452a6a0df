import type { HistogramCounts } from "./histogram.ts";

/** One value, with labels where there are several of one metric. */
export type Sample = { labels?: Readonly<Record<string, string>>; value: number };

/** What goes up and down, in Prometheus' text format (version 0.0.4). */
export function gauge(name: string, help: string, samples: number | readonly Sample[]): string {
  return metric(
    name,
    help,
    "gauge",
    samplesOf(samples).map(({ labels, value }) => line(name, labels, value)),
  );
}

/** What only grows while the process lives; by convention its name ends in `_total`. */
export function counter(name: string, help: string, samples: number | readonly Sample[]): string {
  return metric(
    name,
    help,
    "counter",
    samplesOf(samples).map(({ labels, value }) => line(name, labels, value)),
  );
}

/** Buckets are cumulative in the format: each counts what is under its bound, and the last counts all. */
export function histogram(name: string, help: string, { bounds, counts, sum }: HistogramCounts): string {
  let cumulative = 0;
  const buckets = counts.map((count, at) => {
    cumulative += count;
    return line(`${name}_bucket`, { le: at < bounds.length ? String(bounds[at]) : "+Inf" }, cumulative);
  });
  return metric(name, help, "histogram", [
    ...buckets,
    line(`${name}_sum`, {}, sum),
    line(`${name}_count`, {}, cumulative),
  ]);
}

function samplesOf(samples: number | readonly Sample[]): readonly Sample[] {
  return typeof samples === "number" ? [{ value: samples }] : samples;
}

function metric(name: string, help: string, type: string, lines: readonly string[]): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join("")}`;
}

/** Labels are our own words; none holds a quote, a backslash or a line's end. */
function line(name: string, labels: Readonly<Record<string, string>> = {}, value: number): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${text}"`);
  return `${name}${pairs.length > 0 ? `{${pairs.join(",")}}` : ""} ${value}\n`;
}
