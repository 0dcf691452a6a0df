import fc from "fast-check";
import { expect, test } from "vitest";
import { Histogram } from "./histogram.ts";
import { counter, gauge, histogram } from "./metric-text.ts";

test("the text is Prometheus' own format, to the letter", () => {
  const times = new Histogram([0.1, 1]);
  for (const value of [0.05, 0.1, 0.5, 3]) times.add(value);
  const text = [
    gauge("room", "How much there is", 3),
    counter("calls_total", "Calls", [
      { labels: { outcome: "ok" }, value: 2 },
      { labels: { outcome: "lost" }, value: 1 },
    ]),
    histogram("took_seconds", "How long", times.read()),
  ].join("");
  expect(text).toBe(
    `# HELP room How much there is
# TYPE room gauge
room 3
# HELP calls_total Calls
# TYPE calls_total counter
calls_total{outcome="ok"} 2
calls_total{outcome="lost"} 1
# HELP took_seconds How long
# TYPE took_seconds histogram
took_seconds_bucket{le="0.1"} 2
took_seconds_bucket{le="1"} 3
took_seconds_bucket{le="+Inf"} 4
took_seconds_sum 3.65
took_seconds_count 4
`,
  );
});

test("a histogram's buckets only grow towards the last, which counts every value", () => {
  const bounds = fc
    .uniqueArray(fc.double({ min: 0, max: 100, noNaN: true }), { minLength: 1 })
    .map((all) => all.toSorted((a, b) => a - b));
  fc.assert(
    fc.property(bounds, fc.array(fc.double({ min: 0, max: 200, noNaN: true })), (limits, values) => {
      const under = new Histogram(limits);
      for (const value of values) under.add(value);
      const text = histogram("h", "h", under.read());
      const buckets = [...text.matchAll(/_bucket\{le="([^"]+)"\} (\d+)/g)].map(([, le, count]) => [le, Number(count)]);
      expect(buckets.map(([, count]) => count)).toEqual([
        ...limits.map((limit) => values.filter((value) => value <= limit).length),
        values.length,
      ]);
    }),
  );
});
