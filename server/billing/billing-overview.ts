import type { Db } from "#server/db/client.ts";
import type { PlanName } from "#server/db/generated/enums.ts";
import type { Clock } from "#server/std/clock.ts";
import type { Id } from "#server/std/id.ts";
import type { Card, Payments } from "./payments.ts";
import { planSummary, type PlanSummary } from "./plan-summary.ts";
import { nextTerm, planAt, planTermsOf } from "./plan-terms.ts";
import { versionAt } from "./price-book.ts";
import { loadPriceBook } from "./price-versions.ts";
import { loadSpendingRule } from "./spending-rule.ts";

export type BillingOverview = {
  plan: PlanName;
  plans: PlanSummary[];
  /** The change that is still to come; null when none is. */
  next: { plan: PlanName; from: Date } | null;
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
    alertShares: rule.alertShares,
    payment: { collects: payments.collects, card },
  };
}
