import { recordAudit } from "#server/accounts/audit.ts";
import type { Db, Tx } from "#server/db/client.ts";
import type { PlanName } from "#server/db/generated/enums.ts";
import { hourStart, nextMonthStart } from "#server/std/clock.ts";
import { Fault } from "#server/std/fault.ts";
import type { Id } from "#server/std/id.ts";

/** From when on an organization has a plan: on a whole UTC hour, so that an hour of usage has one plan. */
export type PlanTerm = { from: Date; plan: PlanName };
/** Oldest first. Before the first one there was no organization; the last one may lie in the future. */
export type PlanTerms = readonly [PlanTerm, ...PlanTerm[]];

/** The plan in force at a moment. */
export function planAt(terms: PlanTerms, at: Date): PlanName {
  return (terms.findLast((term) => term.from <= at) ?? terms[0]).plan;
}

/** The change that is still to come; null when none is. */
export function nextTerm(terms: PlanTerms, now: Date): PlanTerm | null {
  return terms.find((term) => term.from > now) ?? null;
}

type TermsRow = { plan: PlanName; createdAt: Date; planTerms: { fromAt: Date; plan: PlanName }[] };

const termColumns = {
  plan: true,
  createdAt: true,
  planTerms: { orderBy: { fromAt: "asc" }, select: { fromAt: true, plan: true } },
} as const;

/** An organization whose plan never changed has no rows: it has had its plan since it was made. */
function termsOf(row: TermsRow): PlanTerms {
  const [first, ...later] = row.planTerms.map(({ fromAt, plan }) => ({ from: fromAt, plan }));
  return first ? [first, ...later] : [{ from: hourStart(row.createdAt), plan: row.plan }];
}

/** The terms of organizations, in one query whatever their number. Unknown ones have no entry. */
export async function loadPlanTerms(db: Db | Tx, organizationIds: readonly string[]): Promise<Map<string, PlanTerms>> {
  const rows = await db.organization.findMany({
    where: { id: { in: [...organizationIds] } },
    select: { id: true, ...termColumns },
  });
  return new Map(rows.map((row) => [row.id, termsOf(row)]));
}

export async function planTermsOf(db: Db | Tx, organizationId: Id<"organization">): Promise<PlanTerms> {
  const terms = (await loadPlanTerms(db, [organizationId])).get(organizationId);
  if (!terms) throw new Fault("not_found", "There is no such organization.");
  return terms;
}

export type PlanDecision = { plan: PlanName; from: Date };

/**
 * Gives an organization a plan, in the caller's transaction. More begins at once, with the hour that runs; less begins
 * with the next month, because this month's fee is owed and its included amounts may be used already. Choosing the plan
 * that one has takes back a change that was still to come. Returns from when on the plan holds.
 */
export async function applyPlan(
  tx: Tx,
  change: { organizationId: Id<"organization">; userId: Id<"user"> | null; plan: PlanName; now: Date },
): Promise<PlanDecision> {
  const { organizationId, userId, plan, now } = change;
  await lockOrganization(tx, organizationId);
  const terms = await planTermsOf(tx, organizationId);
  const current = planAt(terms, now);
  const decision = { plan, from: startOf(current, plan, now) };
  await keepFirstTerm(tx, organizationId, terms);
  await tx.planTerm.deleteMany({ where: { organizationId, fromAt: { gt: now } } });
  if (plan !== current) await writeTerm(tx, organizationId, decision);
  if (decision.from <= now) {
    await tx.organization.update({ where: { id: organizationId }, data: { plan }, select: { id: true } });
  }
  await recordAudit(tx, {
    organizationId,
    userId,
    action: "plan.changed",
    subject: organizationId,
    detail: { from: current, to: plan, at: decision.from.toISOString() },
  });
  return decision;
}

function startOf(current: PlanName, plan: PlanName, now: Date): Date {
  return ranks[plan] < ranks[current] ? nextMonthStart(now) : hourStart(now);
}

const ranks: Record<PlanName, number> = { free: 0, pro: 1 };

async function keepFirstTerm(tx: Tx, organizationId: Id<"organization">, terms: PlanTerms): Promise<void> {
  const [{ from, plan }] = terms;
  await tx.planTerm.createMany({ data: [{ organizationId, fromAt: from, plan }], skipDuplicates: true });
}

async function writeTerm(tx: Tx, organizationId: Id<"organization">, { plan, from }: PlanDecision): Promise<void> {
  const key = { organizationId, fromAt: from };
  await tx.planTerm.upsert({
    where: { organizationId_fromAt: key },
    create: { ...key, plan },
    update: { plan },
    select: { plan: true },
  });
}

/** One change of an organization's money at a time, held to the end of the transaction. */
export async function lockOrganization(tx: Tx, organizationId: Id<"organization">): Promise<void> {
  await tx.$executeRaw`SELECT 1 FROM organization WHERE id = ${organizationId} FOR NO KEY UPDATE`;
}
