import type { Db } from "#server/db/client.ts";
import type { Clock } from "#server/std/clock.ts";
import type { Id } from "#server/std/id.ts";
import { formatCents, formatExact, picocents } from "#server/std/money.ts";
import { CUT_OFF } from "./drill-remains.ts";
import { otherWords, verdictOf, type Verdict } from "./drill-report.ts";
import { drillState, type DrillReport, type DrillStage, type DrillState } from "./drill-state.ts";
import { DRILL_MS_MAX } from "./drill-turn.ts";

export type DrillView = {
  id: string;
  functionName: string;
  startedAt: Date;
  /** Every amount as text, because nothing outside of billing does sums with money. */
  cap: string;
  calls: number;
  stage:
    | {
        kind: "running";
        phase: "flooding" | "settling";
        made: number;
        answered: number;
        refused: number;
        spent: string;
      }
    | { kind: "done"; verdict: Verdict; rows: { title: string; value: string }[] }
    | { kind: "failed"; message: string };
};

/** The last drill of an organization, under way or over; null when there was none. */
export async function latestDrill(
  { db, clock }: { db: Db; clock: Clock },
  organizationId: Id<"organization">,
): Promise<DrillView | null> {
  const row = await db.floodDrill.findFirst({
    where: { organizationId },
    orderBy: { startedAt: "desc" },
    select: { id: true, functionName: true, startedAt: true, endedAt: true, state: true },
  });
  if (!row) return null;
  const { endedAt, state, ...head } = row;
  const { terms, stage } = drillState.parse(state);
  const isLost = endedAt === null && clock.nowMs() - row.startedAt.getTime() > DRILL_MS_MAX;
  return {
    ...head,
    cap: formatCents(terms.capCents),
    calls: terms.calls,
    stage: isLost ? { kind: "failed", message: CUT_OFF } : shown(terms, stage),
  };
}

function shown(terms: DrillState["terms"], stage: DrillStage): DrillView["stage"] {
  switch (stage.kind) {
    case "running": {
      const { made, answered, refused } = stage.counts;
      return { kind: "running", phase: stage.phase, made, answered, refused, spent: money(stage.spent) };
    }
    case "failed":
      return stage;
    case "done":
      return { kind: "done", verdict: verdictOf(terms, stage.report), rows: reportRows(terms, stage.report) };
  }
}

function reportRows(terms: DrillState["terms"], report: DrillReport): { title: string; value: string }[] {
  const { counts, floodMs } = report;
  const seconds = floodMs / 1_000;
  const perSecond = Math.round(counts.made / Math.max(seconds, 0.001));
  return [
    { title: "Calls made", value: `${count(counts.made)}, ${count(terms.concurrency)} at a time` },
    { title: "Answered", value: count(counts.answered) },
    { title: "Refused with 402", value: count(counts.refused) },
    { title: "Other answers", value: otherWords(counts) },
    { title: "Price of a call", value: money((terms.capCents * PICOCENTS_PER_CENT) / terms.requestsPaid) },
    { title: "Test cap", value: formatCents(terms.capCents) },
    { title: "Spent", value: money(report.spent) },
    { title: "Highest spent and reserved", value: `${money(report.highest)} in ${count(report.looks)} looks` },
    { title: "Passed the cap by", value: money(report.passedBy) },
    { title: "Duration", value: `${seconds.toFixed(1)} s, ${count(perSecond)} calls a second` },
  ];
}

const PICOCENTS_PER_CENT = 1_000_000_000_000n;

function money(amount: bigint): string {
  return formatExact(picocents(amount));
}

function count(number: number): string {
  return number.toLocaleString("en-US");
}
