import { recordAudit } from "#server/accounts/audit.ts";
import type { Db, Tx } from "#server/db/client.ts";
import { setVerdict } from "#server/metering/budget.ts";
import type { Clock } from "#server/std/clock.ts";
import { Fault } from "#server/std/fault.ts";
import type { Id } from "#server/std/id.ts";
import { formatCents } from "#server/std/money.ts";
import { refreshBudget } from "./budget.ts";
import { lockOrganization, planAt, planTermsOf } from "./plan-terms.ts";

/** What an organization decided about its spending. */
export type SpendingRule = {
  /** What usage may add to the plan's fee in a month, on plans that bill. On Free nothing may, whatever stands here. */
  capCents: bigint;
  /** Percents of the cap at which people are told, ascending. */
  alertShares: number[];
  /** Why an operator paused the organization; null while it may run. */
  pausedBecause: string | null;
  /** Why whoever collects the money stopped it; null while nothing is overdue. */
  unpaidBecause: string | null;
};

/** Enough for a small site, and an amount that hurts nobody who forgot to choose. */
export const defaultRule: SpendingRule = {
  capCents: 2_000n,
  alertShares: [50, 75, 90, 100],
  pausedBecause: null,
  unpaidBecause: null,
};

export const CAP_CENTS_MAX = 100_000_000n;
export const ALERT_SHARES_MAX = 10;

const columns = { capCents: true, alertShares: true, pausedBecause: true, unpaidBecause: true } as const;

export async function loadSpendingRule(db: Db | Tx, organizationId: Id<"organization">): Promise<SpendingRule> {
  const row = await db.spendingRule.findUnique({ where: { organizationId }, select: columns });
  return row ?? defaultRule;
}

/** The rules of many organizations in one query; those who never decided have the defaults. */
export async function loadSpendingRules(
  db: Db | Tx,
  organizationIds: readonly string[],
): Promise<Map<string, SpendingRule>> {
  const rows = await db.spendingRule.findMany({
    where: { organizationId: { in: [...organizationIds] } },
    select: { organizationId: true, ...columns },
  });
  const rules = new Map(rows.map(({ organizationId, ...rule }) => [organizationId, rule]));
  return new Map(organizationIds.map((id) => [id, rules.get(id) ?? defaultRule]));
}

type Change = { organizationId: Id<"organization">; userId: Id<"user"> };

/** Sets the monthly cap. A lower one counts at once for what is granted from now on; what runs already has been granted. */
export function setCap(tools: { db: Db; clock: Clock }, change: Change & { capCents: bigint }): Promise<void> {
  const { organizationId, userId, capCents } = change;
  const now = new Date(tools.clock.nowMs());
  return tools.db.$transaction(async (tx) => {
    await lockOrganization(tx, organizationId);
    if (planAt(await planTermsOf(tx, organizationId), now) === "free") {
      throw new Fault("conflict", "Free never bills, so its cap is $0.00. Choose Pro to set another.");
    }
    const before = await loadSpendingRule(tx, organizationId);
    await writeRule(tx, organizationId, { ...before, capCents });
    await recordAudit(tx, {
      organizationId,
      userId,
      action: "spending_cap.changed",
      subject: organizationId,
      detail: { from: formatCents(before.capCents), to: formatCents(capCents) },
    });
    await refreshBudget(tx, { organizationId, now });
  });
}

/** Sets the shares of the cap at which people are told. */
export function setAlertShares(tools: { db: Db }, change: Change & { alertShares: number[] }): Promise<void> {
  const { organizationId, userId } = change;
  const alertShares = [...new Set(change.alertShares)].toSorted((a, b) => a - b);
  return tools.db.$transaction(async (tx) => {
    await lockOrganization(tx, organizationId);
    const before = await loadSpendingRule(tx, organizationId);
    await writeRule(tx, organizationId, { ...before, alertShares });
    await recordAudit(tx, {
      organizationId,
      userId,
      action: "spending_alerts.changed",
      subject: organizationId,
      detail: { from: before.alertShares.join(", "), to: alertShares.join(", ") },
    });
  });
}

/** Stops an organization's functions (a reason that its people and its callers read), or lets them run again (null). For operators. */
export function setPause(tools: { db: Db }, change: Change & { pausedBecause: string | null }): Promise<void> {
  const { organizationId, userId, pausedBecause } = change;
  return tools.db.$transaction(async (tx) => {
    await lockOrganization(tx, organizationId);
    await writeRule(tx, organizationId, { ...(await loadSpendingRule(tx, organizationId)), pausedBecause });
    await recordAudit(tx, {
      organizationId,
      userId,
      action: pausedBecause === null ? "organization.released" : "organization.paused",
      subject: organizationId,
      detail: pausedBecause === null ? {} : { reason: pausedBecause },
    });
  });
}

/** Stops an organization that owes money, with the reason that it and its callers read, or lets it run again (null). For whoever collects. */
export async function setUnpaid(
  tx: Tx,
  change: { organizationId: Id<"organization">; unpaidBecause: string | null },
): Promise<void> {
  const { organizationId, unpaidBecause } = change;
  await lockOrganization(tx, organizationId);
  await writeRule(tx, organizationId, { ...(await loadSpendingRule(tx, organizationId)), unpaidBecause });
  await recordAudit(tx, {
    organizationId,
    userId: null,
    action: unpaidBecause === null ? "organization.paid_up" : "organization.unpaid",
    subject: organizationId,
    detail: unpaidBecause === null ? {} : { reason: unpaidBecause },
  });
}

/** A pause outlasts a payment and the other way round: the runtime is told to stop while either stands. */
async function writeRule(tx: Tx, organizationId: Id<"organization">, rule: SpendingRule): Promise<void> {
  const data = { ...rule, updatedAt: new Date() };
  await tx.spendingRule.upsert({
    where: { organizationId },
    create: { organizationId, ...data },
    update: data,
    select: { organizationId: true },
  });
  const reason = rule.pausedBecause ?? rule.unpaidBecause;
  await setVerdict(tx, organizationId, reason === null ? { state: "open" } : { state: "stopped", reason });
}
