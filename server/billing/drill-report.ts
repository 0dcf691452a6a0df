import type { Budget } from "#server/metering/budget.ts";
import { formatCents, formatExact, picocents } from "#server/std/money.ts";
import { drillCap } from "./drill-budget.ts";
import type { DrillReport, DrillStage, DrillState, FloodCounts } from "./drill-state.ts";
import type { Look } from "./drill-watch.ts";

/** What a drill has found, out of what was counted by the callers and seen in the budget. */
export function reportOf(of: { budget: Budget; counts: FloodCounts; look: Look; floodMs: number }): DrillReport {
  const { budget, counts, look, floodMs } = of;
  const cap = drillCap(budget);
  const unrecorded = BigInt(counts.answered) - look.used.requests;
  return {
    counts,
    used: look.used,
    spent: look.spent,
    highest: look.highest,
    passedBy: look.highest > cap ? look.highest - cap : 0n,
    looks: look.looks,
    unrecorded: Number(unrecorded > 0n ? unrecorded : 0n),
    floodMs,
  };
}

/**
 * held: calls were refused, and spent and reserved together never passed the cap. not_reached: no call was refused, which
 * proves nothing. unsure: answers are missing in the ledger, so what is spent is not known. passed: what must never be.
 */
export type Verdict = { kind: "held" | "not_reached" | "unsure" | "passed"; sentence: string; detail: string };

export function verdictOf(terms: DrillState["terms"], report: DrillReport): Verdict {
  const cap = formatCents(terms.capCents);
  const { counts, passedBy, unrecorded } = report;
  if (passedBy > 0n) {
    return {
      kind: "passed",
      sentence: `The cap was passed: ${formatExact(picocents(passedBy))} past ${cap}.`,
      detail: "That must not happen. Tell your operator, and send this report along.",
    };
  }
  if (unrecorded > 0) {
    return {
      kind: "unsure",
      sentence: `The ledger had ${count(unrecorded)} of ${count(counts.answered)} answers not yet when the drill ended.`,
      detail: "So what was spent isn't known. Start the drill again in a minute.",
    };
  }
  if (counts.refused === 0) {
    return {
      kind: "not_reached",
      sentence: `The flood did not reach the cap of ${cap}, so it shows nothing about it.`,
      detail:
        counts.made < terms.calls
          ? `Only ${count(counts.made)} of ${count(terms.calls)} calls were made in time. Start again with fewer: each then costs more.`
          : "Look at what the calls were answered, and start again with fewer or once the function takes more calls.",
    };
  }
  return {
    kind: "held",
    sentence: `The cap held: $0.00 of ${cap} past it.`,
    detail: `${count(counts.answered)} calls were answered. ${count(counts.refused)} were refused with 402 before they began.`,
  };
}

/** What stays in the audit log when all else of a drill is gone. */
export function auditDetail(
  { functionName, terms }: { functionName: string; terms: DrillState["terms"] },
  stage: DrillStage,
): Record<string, string | number> {
  const of = { function: functionName, cap: formatCents(terms.capCents), calls: terms.calls };
  switch (stage.kind) {
    case "running":
      return of;
    case "failed":
      return { ...of, failed: stage.message };
    case "done": {
      const { counts, spent, highest, passedBy, looks, floodMs } = stage.report;
      return {
        ...of,
        verdict: verdictOf(terms, stage.report).kind,
        made: counts.made,
        answered: counts.answered,
        refused: counts.refused,
        other: otherWords(counts),
        spent: formatExact(picocents(spent)),
        highest: formatExact(picocents(highest)),
        passedBy: formatExact(picocents(passedBy)),
        looks,
        floodMs,
      };
    }
  }
}

/** "12 × 429 rate_limited, 1 × no answer"; "none". */
export function otherWords({ other }: FloodCounts): string {
  const words = Object.entries(other).map(([what, times]) => `${count(times)} × ${what}`);
  return words.length === 0 ? "none" : words.join(", ");
}

function count(number: number): string {
  return number.toLocaleString("en-US");
}
