import type { PlanName } from "#server/db/generated/enums.ts";
import { monthStart, nextMonthStart } from "#server/std/clock.ts";
import { planAt, type PlanTerms } from "./plan-terms.ts";
import { versionAt, type PriceBook, type PriceVersion } from "./price-book.ts";

/** A part of a UTC month with one plan and one price version; its ends are whole hours. */
export type Stretch = {
  from: Date;
  to: Date;
  plan: PlanName;
  version: PriceVersion;
  /** Whether the organization was there: before it, no fee is owed. */
  isOwed: boolean;
};

/** Cuts the month that holds `at` where plan or prices change. The stretches cover it without a gap. */
export function stretchesOf(at: Date, terms: PlanTerms, book: PriceBook): [Stretch, ...Stretch[]] {
  const [from, to] = [monthStart(at), nextMonthStart(at)];
  const changes = [...terms.map((term) => term.from), ...book.map((version) => version.effectiveAt)];
  const inside = changes.filter((change) => change > from && change < to).map((change) => change.getTime());
  const cuts = [...new Set(inside)].toSorted((a, b) => a - b);
  const ends = [...cuts, to.getTime()];
  const stretch = (start: Date, end: number): Stretch => ({
    from: start,
    to: new Date(end),
    plan: planAt(terms, start),
    version: versionAt(book, start),
    isOwed: start >= terms[0].from,
  });
  const later = cuts.map((cut, index) => stretch(new Date(cut), ends[index + 1] ?? to.getTime()));
  return [stretch(from, ends[0] ?? to.getTime()), ...later];
}
