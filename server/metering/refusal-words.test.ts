import { expect, test } from "vitest";
import type { Budget } from "./budget.ts";
import { refusalWords } from "./refusal-words.ts";

const budget: Budget = {
  period: { from: new Date("2026-11-01T00:00:00Z"), to: new Date("2026-12-01T00:00:00Z") },
  mostCents: 0n,
  weights: {
    requests: { included: 1_000_000n, price: "30", per: 1_000_000n },
    cpuNs: { included: 7_200_000_000_000n, price: "8", per: 3_600_000_000_000n },
    egressBytes: { included: 10_000_000_000n, price: "4", per: 1_000_000_000n },
  },
};
const nothing = { requests: 0n, cpuNs: 0n, egressBytes: 0n };
const refusal = { because: "used_up", reason: "", budget, used: nothing, least: { ...nothing, requests: 1n } } as const;

test("on a plan that stops, the meters that are used up are named with what was included, and what ends it", () => {
  const used = { requests: 3_000_000n, cpuNs: 9_200_000_000_000n, egressBytes: 5n };
  expect(refusalWords({ ...refusal, used })).toBe(
    "The 1,000,000 requests and 2 CPU-hours that the organization's plan includes in November 2026 are used up. Functions answer again on 1 December 2026 (UTC), or once it gets a larger plan or a higher spending cap.",
  );
});

test("under a cap, the cap is named with the meters that cost something", () => {
  const used = { requests: 3_000_000n, cpuNs: 5n, egressBytes: 50_000_000_000n };
  expect(refusalWords({ ...refusal, budget: { ...budget, mostCents: 2_000n }, used })).toBe(
    "The organization's spending cap of $20.00 for November 2026 is reached by its requests and egress. Functions answer again on 1 December 2026 (UTC), or once its spending cap is raised.",
  );
});

test("a stop is told in the words of who stopped", () => {
  expect(refusalWords({ ...refusal, because: "stopped", reason: "Paused by the operator." })).toBe(
    "Paused by the operator.",
  );
});
