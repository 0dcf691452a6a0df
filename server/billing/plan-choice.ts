import { recordAudit } from "#server/accounts/audit.ts";
import type { Db } from "#server/db/client.ts";
import type { PlanName } from "#server/db/generated/enums.ts";
import type { Id } from "#server/std/id.ts";
import type { PlanChange, Payments } from "./payments.ts";

/**
 * Asks for a plan, in somebody's name. Whoever moves the money decides when it holds: at once, or after the payer did
 * something at the address that is returned. That it was asked for is written down first, so that no change lacks its person.
 */
export async function choosePlan(
  tools: { db: Db; payments: Payments },
  choice: { organizationId: Id<"organization">; userId: Id<"user">; plan: PlanName; returnUrl: string },
): Promise<PlanChange> {
  const { organizationId, userId, plan, returnUrl } = choice;
  await tools.db.$transaction((tx) =>
    recordAudit(tx, { organizationId, userId, action: "plan.chosen", subject: organizationId, detail: { plan } }),
  );
  return tools.payments.changePlan(organizationId, plan, returnUrl);
}
