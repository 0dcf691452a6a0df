import { expect, test } from "vitest";
import { formatBytes, formatCpu } from "./quantity.ts";

test("CPU time is read in the unit that fits", () => {
  expect([0n, 420_000n, 84_300_000n, 1_500_000_000n, 90_000_000_000n, 7_200_000_000_000n].map(formatCpu)).toEqual([
    "0 ms",
    "0.42 ms",
    "84.3 ms",
    "1.5 s",
    "1.5 min",
    "2 h",
  ]);
});

test("bytes count in thousands, as the price book does", () => {
  expect([0n, 999n, 1_000n, 1_234_567n, 10_000_000_000n].map(formatBytes)).toEqual([
    "0 B",
    "999 B",
    "1 kB",
    "1.23 MB",
    "10 GB",
  ]);
});
