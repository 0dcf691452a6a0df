import type { Db } from "#server/db/client.ts";
import type { PlanName } from "#server/db/generated/enums.ts";
import { hourStart, monthStart, nextMonthStart, type Clock } from "#server/std/clock.ts";
import type { Id } from "#server/std/id.ts";
import { formatCents } from "#server/std/money.ts";
import type { Card, Payments } from "./payments.ts";
import { planSummary, type PlanSummary } from "./plan-summary.ts";
import { nextTerm, planAt, planTermsOf } from "./plan-terms.ts";
import { versionAt, type PriceBook } from "./price-book.ts";
import { loadPriceBook } from "./price-versions.ts";
import { rateFees, totalCents } from "./rating.ts";
import { loadSpendingRule } from "./spending-rule.ts";
import { stretchesOf } from "./stretches.ts";

export type BillingOverview = {
  plan: PlanName;
  plans: PlanSummary[];
  /** The change that is still to come; null when none is. */
  next: { plan: PlanName; from: Date } | null;
  /** What Pro's fee would be for the rest of the month that runs, chosen now. */
  proFeeForRest: string;
  /** The cap that holds on Pro. */
  proCap: string;
  alertShares: number[];
  payment: { collects: boolean; card: Card | null };
};

/** What somebody decided about an organization's plan, spending and payment. */
export async function billingOverview(
  tools: { db: Db; clock: Clock; payments: Payments },
  organizationId: Id<"organization">,
): Promise<BillingOverview> {
  const { db, clock, payments } = tools;
  const now = new Date(clock.nowMs());
  const [terms, book, rule, card] = await Promise.all([
    planTermsOf(db, organizationId),
    loadPriceBook(db),
    loadSpendingRule(db, organizationId),
    payments.card(organizationId),
  ]);
  const { free, pro } = versionAt(book, now).plans;
  return {
    plan: planAt(terms, now),
    plans: [planSummary(free), planSummary(pro)],
    next: nextTerm(terms, now),
    proFeeForRest: proFeeForRest(book, now),
    proCap: formatCents(rule.capCents),
    alertShares: rule.alertShares,
    payment: { collects: payments.collects, card },
  };
}

function proFeeForRest(book: PriceBook, now: Date): string {
  const terms = [{ from: hourStart(now), plan: "pro" }] as const;
  const month = { from: monthStart(now), to: nextMonthStart(now) };
  return formatCents(totalCents(rateFees(stretchesOf(now, terms, book), month)));
}
