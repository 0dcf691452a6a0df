import fc from "fast-check";
import { expect, test } from "vitest";
import { compareWithMarket, type Workload } from "./comparison.ts";

const none: Workload = { requests: 0n, cpuNs: 0n, durationUs: 0n, egressBytes: 0n };
const totals = (workload: Partial<Workload>) =>
  Object.fromEntries(compareWithMarket({ ...none, ...workload }).map(({ vendor, total }) => [vendor, total]));

/** 20 million requests of 5 ms CPU and 40 ms each, and 300 GB: worked out by hand from the published lists. */
const busy = {
  requests: 20_000_000n,
  cpuNs: 20_000_000n * 5_000_000n,
  durationUs: 20_000_000n * 40_000n,
  egressBytes: 300_000_000_000n,
};

test("a busy month costs what each list says", () => {
  expect(totals(busy)).toEqual({
    // $5 + 10 M x $0.30 + 70 M CPU-ms x $0.02
    cloudflare: "$9.40",
    // 19 M x $0.20 + (100,000 GB-s are included) + 200 GB x $0.09
    aws: "$21.80",
    // 20 M x $0.60 + 10 M x $2 + 27.78 h x $0.128 + 444.44 GB-h x $0.0106, of which the fee of $20 pays $20
    vercel: "$40.27",
    // 18 M x $0.40 + (2,000,000 - 180,000) vCPU-s x $0.000024 + (1,000,000 - 360,000) GiB-s x $0.0000025 + 299 GB x $0.12
    google: "$88.36",
  });
});

test("without usage what remains is the fee", () => {
  expect(totals({})).toEqual({ cloudflare: "$5.00", aws: "$0.00", vercel: "$20.00", google: "$0.00" });
});

test("durations are rounded up to the step by which each vendor bills", () => {
  const at = (durationUs: bigint) =>
    compareWithMarket({ ...none, requests: 30_000_000n, durationUs: durationUs * 30_000_000n });
  const google = (durationUs: bigint) => at(durationUs).find(({ vendor }) => vendor === "google")?.total;
  expect(google(1_000n)).toBe(google(100_000n));
  expect(google(100_001n)).not.toBe(google(100_000n));
});

test("more work never costs less, and parts add up to the total before what a fee covers", () => {
  const amount = fc.bigInt({ min: 0n, max: 10n ** 15n });
  const workload = fc.record({ requests: amount, cpuNs: amount, durationUs: amount, egressBytes: amount });
  fc.assert(
    fc.property(workload, fc.constantFrom("cpuNs", "durationUs", "egressBytes"), amount, (work, more, by) => {
      const [before, after] = [compareWithMarket(work), compareWithMarket({ ...work, [more]: work[more] + by })];
      for (const [index, each] of before.entries())
        expect((after[index]?.totalCents ?? 0n) >= each.totalCents).toBe(true);
    }),
  );
});

test("each comparison says where its prices stand, when they were read and what is assumed", () => {
  for (const { source, readOn, assumptions } of compareWithMarket(none)) {
    expect(source).toMatch(/^https:\/\//);
    expect(readOn).toMatch(/^\d{4}-\d{2}-\d{2}$/);
    expect(assumptions.length).toBeGreaterThan(0);
  }
});
