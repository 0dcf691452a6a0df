import { expect, test } from "vitest";
import { picocents } from "#server/std/money.ts";
import { drillBudget } from "./drill-budget.ts";
import { auditDetail, reportOf, verdictOf } from "./drill-report.ts";
import { firstVersion } from "./price-book.ts";

const terms = { capCents: 5n, calls: 400, concurrency: 50, requestsPaid: 100n, priceVersion: 1 };
const now = new Date("2026-11-24T12:00:00Z");
const budget = drillBudget(terms, { requestsPaid: 100n, version: firstVersion, now });
const CAP = 5_000_000_000_000n;

function reported(of: { answered: number; refused: number; recorded: bigint; highest: bigint }) {
  const { answered, refused, recorded, highest } = of;
  return reportOf({
    budget,
    counts: { made: answered + refused + 2, answered, refused, other: { "429 rate_limited": 2 } },
    look: {
      used: { requests: recorded, cpuNs: 0n, egressBytes: 0n },
      leased: { requests: 0n, cpuNs: 0n, egressBytes: 0n },
      spent: picocents(highest),
      highest: picocents(highest),
      looks: 9,
      quietSinceMs: 0,
    },
    floodMs: 1_000,
  });
}

test("a cap that calls were refused at, and that was never passed, has held", () => {
  const report = reported({ answered: 100, refused: 298, recorded: 100n, highest: CAP });
  expect(report.passedBy).toBe(0n);
  expect(verdictOf(terms, report)).toMatchObject({ kind: "held", sentence: "The cap held: $0.00 of $0.05 past it." });
});

test("a millionth of a cent past the cap is told, whatever else there is to tell", () => {
  const report = reported({ answered: 101, refused: 0, recorded: 90n, highest: CAP + 1_000_000n });
  expect(report.passedBy).toBe(1_000_000n);
  const verdict = verdictOf(terms, report);
  expect(verdict.kind).toBe("passed");
  expect(verdict.sentence).toBe("The cap was passed: $0.00000001 past $0.05.");
  expect(auditDetail({ functionName: "hello", terms }, { kind: "done", report })).toMatchObject({
    verdict: "passed",
    passedBy: "$0.00000001",
    other: "2 × 429 rate_limited",
  });
});

test("a flood that no call of was refused proves nothing, and answers that the ledger lacks leave what was spent unknown", () => {
  expect(verdictOf(terms, reported({ answered: 80, refused: 0, recorded: 80n, highest: CAP - 1n })).kind).toBe(
    "not_reached",
  );
  const late = reported({ answered: 100, refused: 298, recorded: 97n, highest: CAP });
  expect(late.unrecorded).toBe(3);
  expect(verdictOf(terms, late).kind).toBe("unsure");
});
