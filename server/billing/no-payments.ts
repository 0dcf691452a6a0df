import type { Db } from "#server/db/client.ts";
import type { Clock } from "#server/std/clock.ts";
import { Fault } from "#server/std/fault.ts";
import { refreshBudget } from "./budget.ts";
import type { Payments } from "./payments.ts";
import { applyPlan } from "./plan-terms.ts";

/** Without a provider: plans change at once, invoices are made and nobody collects them. */
export function noPayments({ db, clock }: { db: Db; clock: Clock }): Payments {
  const unavailable = async (): Promise<never> => {
    throw new Fault(
      "unavailable",
      "This installation takes no cards. Its operator can connect Stripe by setting STRIPE_SECRET_KEY.",
    );
  };
  return {
    collects: false,
    cardSetup: unavailable,
    portal: unavailable,
    card: async () => null,
    preview: async () => null,
    async changePlan(organizationId, plan) {
      const now = new Date(clock.nowMs());
      await db.$transaction(async (tx) => {
        await applyPlan(tx, { organizationId, userId: null, plan, now });
        await refreshBudget(tx, { organizationId, now });
      });
      return { kind: "applied" };
    },
  };
}
