import fc from "fast-check";
import { expect, test } from "vitest";
import { mayBegin, rateMemory } from "./rate.ts";

test("in any second no more calls begin than the bound and what one second's burst leaves, and an even flow at the bound is never refused", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 2_000 }),
      fc.array(fc.integer({ min: 0, max: 50_000_000 }), { minLength: 1, maxLength: 300 }),
      (perSecondMax, gapsNs) => {
        const memory = new BigInt64Array(rateMemory());
        const begunNs: number[] = [];
        let nowNs = 1_000_000_000;
        for (const gapNs of gapsNs) {
          nowNs += gapNs;
          if (mayBegin(memory, perSecondMax, BigInt(nowNs))) begunNs.push(nowNs);
        }
        for (const from of begunNs) {
          const within = begunNs.filter((at) => at >= from && at < from + 1_000_000_000).length;
          expect(within).toBeLessThanOrEqual(2 * perSecondMax);
        }
        const even = new BigInt64Array(rateMemory());
        const spacingNs = 1_000_000_000n / BigInt(perSecondMax);
        for (let call = 0n; call < 100n; call += 1n)
          expect(mayBegin(even, perSecondMax, 5_000_000_000n + call * spacingNs)).toBe(true);
      },
    ),
  );
});

test("a burst of more than a second's worth is cut, and a second later there is room again", () => {
  const memory = new BigInt64Array(rateMemory());
  const begin = (nowNs: bigint) => Array.from({ length: 30 }, () => mayBegin(memory, 10, nowNs)).filter(Boolean).length;
  expect([begin(1n), begin(2n), begin(1_000_000_002n)]).toEqual([10, 0, 10]);
});
