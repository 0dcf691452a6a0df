import type { Db, Tx } from "#server/db/client.ts";
import { emailsOfAllowed } from "#server/accounts/membership.ts";
import { isTenant } from "#server/accounts/temporary-organization.ts";
import { queueMail } from "#server/mail/outbox.ts";
import { monthStart, type Clock } from "#server/std/clock.ts";
import { asId, newId, type Id } from "#server/std/id.ts";
import { alertMail } from "./alert-words.ts";
import { defaultRule } from "./spending-rule.ts";

export type Alert = { id: string; share: number; capCents: bigint; spentCents: bigint; at: Date; monthAt: Date };

type Reached = { organizationId: string; share: number; capCents: bigint; spentCents: bigint };

const ALERTS_SHOWN = 20;

/**
 * Tells of every share of a cap that was reached and not told yet: a row for the console, and a mail to those who may read
 * the bill, one for the greatest share that is new. On a plan that stops, and with a cap of zero, the share is that of the
 * fullest included amount. At the cap calls are refused a little before the last cent is spent, since the worst case of the
 * next one is reserved first: then too a hundred percent is reached. Returns how many shares were told.
 */
export async function raiseAlerts(tools: {
  db: Db;
  clock: Clock;
  /** Null where no mail is sent. */
  mail: { billingUrl(organizationSlug: string): string } | null;
}): Promise<number> {
  const now = new Date(tools.clock.nowMs());
  const reached = await findReached(tools.db, now);
  const organizations = Map.groupBy(reached, ({ organizationId }) => organizationId);
  let told = 0;
  for (const [organizationId, alerts] of organizations) {
    told += await tools.db.$transaction(async (tx) => {
      const fresh = await keepAlerts(tx, alerts, now);
      const greatest = fresh.at(-1);
      if (greatest && tools.mail) await mailAlert(tx, { organizationId, alert: greatest, now, ...tools.mail });
      return fresh.length;
    });
  }
  return told;
}

/** Out of the budgets' own counters, for all organizations in one pass; ascending shares. */
function findReached(db: Db, now: Date): Promise<Reached[]> {
  return db.$queryRaw<Reached[]>`
    WITH standing AS (
      SELECT allowance.*, coalesce(rule.alert_shares, ${defaultRule.alertShares}::int[]) AS shares,
             CASE organization.plan WHEN 'free' THEN 0 ELSE coalesce(rule.cap_cents, ${defaultRule.capCents}) END AS cap_cents,
             metered_cents(requests_used, requests_included, requests_price, requests_per)
               + metered_cents(cpu_ns_used, cpu_ns_included, cpu_ns_price, cpu_ns_per)
               + metered_cents(egress_bytes_used, egress_bytes_included, egress_bytes_price, egress_bytes_per) AS running_cents
      FROM allowance
      JOIN organization ON organization.id = allowance.organization_id
      LEFT JOIN spending_rule AS rule ON rule.organization_id = allowance.organization_id
      WHERE period_from <= ${now} AND period_to > ${now} AND ${isTenant}
    ), measured AS (
      SELECT organization_id, shares, cap_cents, cap_cents - most_cents + running_cents AS spent_cents,
             CASE
               WHEN requests_refused IS NOT NULL THEN 100
               WHEN cap_cents > 0 THEN (cap_cents - most_cents + running_cents) * 100 / cap_cents
               ELSE greatest(requests_used * 100::numeric / nullif(requests_included, 0), cpu_ns_used * 100::numeric / nullif(cpu_ns_included, 0),
                             egress_bytes_used * 100::numeric / nullif(egress_bytes_included, 0), 0)
             END AS percent
      FROM standing
    )
    SELECT organization_id AS "organizationId", share, cap_cents::bigint AS "capCents",
           (CASE WHEN cap_cents > 0 THEN spent_cents ELSE 0 END)::bigint AS "spentCents"
    FROM measured CROSS JOIN LATERAL unnest(shares) AS each(share)
    WHERE share <= percent AND NOT EXISTS (
      SELECT FROM spending_alert AS told
      WHERE told.organization_id = measured.organization_id AND told.month_at = ${monthStart(now)}
        AND told.cap_cents = measured.cap_cents AND told.share = each.share
    )
    ORDER BY organization_id, share`;
}

/** Those that no other console has kept meanwhile. */
async function keepAlerts(tx: Tx, alerts: readonly Reached[], now: Date): Promise<Reached[]> {
  const rows = await tx.spendingAlert.createManyAndReturn({
    data: alerts.map((alert) => ({ ...alert, id: newId("alert"), monthAt: monthStart(now), at: now })),
    skipDuplicates: true,
    select: { share: true },
  });
  const kept = new Set(rows.map(({ share }) => share));
  return alerts.filter(({ share }) => kept.has(share));
}

async function mailAlert(
  tx: Tx,
  of: { organizationId: string; alert: Reached; now: Date; billingUrl(organizationSlug: string): string },
): Promise<void> {
  const organizationId = asId("organization", of.organizationId);
  const { name, slug } = await tx.organization.findUniqueOrThrow({
    where: { id: organizationId },
    select: { name: true, slug: true },
  });
  const message = alertMail({ ...of.alert, organizationName: name, billingUrl: of.billingUrl(slug), now: of.now });
  for (const to of await emailsOfAllowed(tx, { organizationId, permission: "billing:read" }))
    await queueMail(tx, { to, ...message, now: of.now });
}

const columns = { id: true, share: true, capCents: true, spentCents: true, at: true, monthAt: true } as const;

/** The newest alerts of an organization, newest first. */
export function listAlerts(db: Db, organizationId: Id<"organization">): Promise<Alert[]> {
  return db.spendingAlert.findMany({
    where: { organizationId },
    orderBy: [{ at: "desc" }, { share: "desc" }],
    take: ALERTS_SHOWN,
    select: columns,
  });
}

/** The alert that stands in the bar on every page: the greatest of this month that nobody has dismissed. */
export function standingAlert(
  tools: { db: Db; clock: Clock },
  organizationId: Id<"organization">,
): Promise<Alert | null> {
  const monthAt = monthStart(new Date(tools.clock.nowMs()));
  return tools.db.spendingAlert.findFirst({
    where: { organizationId, monthAt, dismissedAt: null },
    orderBy: [{ at: "desc" }, { share: "desc" }],
    select: columns,
  });
}

/** Takes the bar away for everybody: this alert's, and the lesser ones before it. */
export async function dismissAlerts(
  tools: { db: Db; clock: Clock },
  organizationId: Id<"organization">,
): Promise<void> {
  const dismissedAt = new Date(tools.clock.nowMs());
  await tools.db.spendingAlert.updateMany({ where: { organizationId, dismissedAt: null }, data: { dismissedAt } });
}
