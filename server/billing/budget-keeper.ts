import { tenantsOnly } from "#server/accounts/temporary-organization.ts";
import type { Db, Tx } from "#server/db/client.ts";
import { monthStart, type Clock } from "#server/std/clock.ts";
import { asId, type Id } from "#server/std/id.ts";
import { readMark, setMark } from "./billing-mark.ts";
import { refreshBudget } from "./budget.ts";
import { loadPlanTerms, lockOrganization, planAt } from "./plan-terms.ts";
import { AHEAD_MS } from "./price-versions.ts";

const MARK = "budgets kept until";
const BATCH = 200;

/**
 * Renews the budgets of all whom time has changed since the last look: everybody's when a month or a price version begins,
 * an organization's when a plan that was chosen earlier begins, and those of organizations that have none yet. What people
 * change renews theirs at once and needs no look. Any number of consoles may look at once, and a look that was cut off is
 * made again. Returns how many were renewed.
 */
export async function keepBudgets(tools: { db: Db; clock: Clock }): Promise<number> {
  const { db } = tools;
  const now = new Date(tools.clock.nowMs());
  const mark = await readMark(db, MARK);
  const since = mark ?? new Date(0);
  let kept = 0;
  const isForAll = since < monthStart(now) || (await versionsBegun(db, since, now)) > 0;
  for (let after = ""; ;) {
    const ids = isForAll ? await allAfter(db, after) : await dueAfter(db, { after, since, now });
    for (const id of ids) await keepBudget(tools, asId("organization", id));
    kept += ids.length;
    if (ids.length < BATCH) break;
    after = ids.at(-1) ?? after;
  }
  if (kept > 0 || isForAll || !mark) await setMark(db, MARK, now);
  return kept;
}

/** Renews one organization's budget, and gives one that was just made its first, so that its functions answer. */
export async function keepBudget(
  { db, clock }: { db: Db; clock: Clock },
  organizationId: Id<"organization">,
): Promise<void> {
  const now = new Date(clock.nowMs());
  await db.$transaction(async (tx) => {
    await lockOrganization(tx, organizationId);
    await beginPlan(tx, { organizationId, now });
    await refreshBudget(tx, { organizationId, now });
  });
}

/** The plan that is shown follows the term that has begun. */
async function beginPlan(tx: Tx, of: { organizationId: Id<"organization">; now: Date }): Promise<void> {
  const terms = (await loadPlanTerms(tx, [of.organizationId])).get(of.organizationId);
  if (!terms) return;
  const plan = planAt(terms, of.now);
  await tx.organization.updateMany({ where: { id: of.organizationId, plan: { not: plan } }, data: { plan } });
}

/**
 * Versions whose time for a renewal came: ahead of their begin, at it, and as long afterwards, when what was used before it
 * is in the ledger.
 */
function versionsBegun(db: Db, since: Date, now: Date): Promise<number> {
  const begunBy = (laterMs: number) => ({
    effectiveAt: { gt: new Date(since.getTime() + laterMs), lte: new Date(now.getTime() + laterMs) },
  });
  return db.priceVersion.count({ where: { OR: [AHEAD_MS, 0, -AHEAD_MS].map(begunBy) } });
}

async function allAfter(db: Db, after: string): Promise<string[]> {
  const rows = await db.organization.findMany({
    where: { id: { gt: after }, ...tenantsOnly },
    orderBy: { id: "asc" },
    take: BATCH,
    select: { id: true },
  });
  return rows.map(({ id }) => id);
}

/** Those whose next plan has begun, and those without a budget. */
async function dueAfter(db: Db, of: { after: string; since: Date; now: Date }): Promise<string[]> {
  const { after, since, now } = of;
  const rows = await db.$queryRaw<{ id: string }[]>`
    SELECT id FROM (
      SELECT organization_id AS id FROM plan_term WHERE from_at > ${since} AND from_at <= ${now}
      UNION
      SELECT organization_id FROM allowance WHERE period_to IS NULL
    ) AS due
    WHERE id > ${after} ORDER BY id LIMIT ${BATCH}`;
  return rows.map(({ id }) => id);
}
