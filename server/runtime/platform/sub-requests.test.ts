import fc from "fast-check";
import { expect, test } from "vitest";
import { SubRequests } from "./sub-requests.ts";

/** Calls as an instance's account counts them. */
function instance(perCall: number, begunBefore = 0) {
  const calls = { begun: begunBefore, shares: 0 };
  return {
    calls,
    subRequests: new SubRequests(perCall, calls),
    begin: () => {
      calls.begun = (calls.begun + 1) | 0;
      calls.shares += 1;
    },
    end: () => void (calls.shares -= 1),
  };
}

const taken = (subRequests: SubRequests, wanted = 1_000) =>
  Array.from({ length: wanted }, () => subRequests.take()).filter(Boolean).length;

test("a function that no call has reached sends nothing out", () => {
  expect(taken(instance(50).subRequests)).toBe(0);
});

test("a call that is alone has exactly its limit, whatever the calls before it left unused", () => {
  const { subRequests, begin, end } = instance(50);
  for (let call = 0; call < 5; call += 1) {
    begin();
    end();
  }
  begin();
  expect(taken(subRequests)).toBe(50);
  expect(taken(subRequests)).toBe(0);
});

test("calls at once share what all of them brought, and what an ended one left unused is gone", () => {
  const { subRequests, begin, end } = instance(10);
  begin();
  begin();
  begin();
  expect(taken(subRequests, 12)).toBe(12);
  end();
  expect(taken(subRequests)).toBe(18);
  begin();
  end();
  end();
  end();
  expect(taken(subRequests)).toBe(10);
});

test("a function whose limit is none reaches nothing", () => {
  const { subRequests, begin } = instance(0);
  begin();
  expect(taken(subRequests)).toBe(0);
});

test("never more than each call brought, and never more at once than those in flight bring, also when the count goes round", () => {
  const step = fc.constantFrom("begin", "end", "take");
  const perCalls = fc.integer({ min: 0, max: 20 });
  fc.assert(
    fc.property(perCalls, fc.array(step, { maxLength: 200 }), (perCall, steps) => {
      const { subRequests, calls, begin, end } = instance(perCall);
      calls.begun = 2 ** 31 - 5;
      taken(subRequests); // what the calls before the test brought
      let [begun, all, burst] = [0, 0, 0];
      for (const what of steps) {
        if (what !== "take") burst = 0;
        if (what === "begin") {
          begun += 1;
          begin();
        } else if (what === "end" && calls.shares > 0) end();
        else if (what === "take" && subRequests.take()) {
          all += 1;
          burst += 1;
        }
        expect(all).toBeLessThanOrEqual(begun * perCall);
        expect(burst).toBeLessThanOrEqual(Math.max(calls.shares, 1) * perCall);
      }
    }),
  );
});
