import { isTenant } from "#server/accounts/temporary-organization.ts";
import type { Db } from "#server/db/client.ts";
import type { PlanName } from "#server/db/generated/enums.ts";
import type { Clock } from "#server/std/clock.ts";
import { formatCents } from "#server/std/money.ts";
import { usedStretchesOf } from "./month-usage.ts";
import { rateUsage, totalCents } from "./rating.ts";
import { loadSpendingRules } from "./spending-rule.ts";

/** An organization as an operator sees it: what it owes, what it may spend, and whether it runs. */
export type Debtor = {
  id: string;
  slug: string;
  name: string;
  plan: PlanName;
  createdAt: Date;
  /** Of invoices that are open or held. */
  owed: string;
  owedCents: bigint;
  monthUsage: string;
  cap: string;
  creditLeft: string;
  pausedBecause: string | null;
  unpaidBecause: string | null;
};

const PAGE = 50;

/** Organizations, those that owe most first; by a part of their name or address where one is given. */
export async function listDebtors(
  tools: { db: Db; clock: Clock },
  of: { search: string; page: number },
): Promise<{ debtors: Debtor[]; hasMore: boolean }> {
  const { db } = tools;
  const rows = await findPage(db, of);
  const shown = rows.slice(0, PAGE);
  const ids = shown.map(({ id }) => id);
  const [months, rules] = await Promise.all([
    usedStretchesOf(db, { organizationIds: ids, at: new Date(tools.clock.nowMs()) }),
    loadSpendingRules(db, ids),
  ]);
  const debtors = shown.map(({ creditCents, ...row }): Debtor => {
    const rule = rules.get(row.id);
    return {
      ...row,
      owed: formatCents(row.owedCents),
      creditLeft: formatCents(creditCents),
      monthUsage: formatCents(totalCents(rateUsage(months.get(row.id) ?? []))),
      cap: formatCents(row.plan === "free" ? 0n : (rule?.capCents ?? 0n)),
      pausedBecause: rule?.pausedBecause ?? null,
      unpaidBecause: rule?.unpaidBecause ?? null,
    };
  });
  return { debtors, hasMore: rows.length > PAGE };
}

type Row = Pick<Debtor, "id" | "slug" | "name" | "plan" | "createdAt" | "owedCents"> & { creditCents: bigint };

function findPage(db: Db, { search, page }: { search: string; page: number }): Promise<Row[]> {
  const pattern = `%${search.replace(/[\\%_]/g, (sign) => `\\${sign}`)}%`;
  return db.$queryRaw<Row[]>`
    SELECT organization.id, slug, name, plan::text AS plan, created_at AS "createdAt",
           coalesce(owed.cents, 0)::bigint AS "owedCents", coalesce(-credit.cents, 0)::bigint AS "creditCents"
    FROM organization
    LEFT JOIN (
      SELECT organization_id, sum(total_cents - credit_cents) AS cents FROM invoice WHERE state IN ('open', 'held') GROUP BY 1
    ) AS owed ON owed.organization_id = organization.id
    LEFT JOIN (
      SELECT organization_id, sum(cents) AS cents FROM posting WHERE account = 'credit' GROUP BY 1
    ) AS credit ON credit.organization_id = organization.id
    WHERE (slug ILIKE ${pattern} OR name ILIKE ${pattern}) AND ${isTenant}
    ORDER BY "owedCents" DESC, created_at DESC, organization.id
    LIMIT ${PAGE + 1} OFFSET ${page * PAGE}`;
}
