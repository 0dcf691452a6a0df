import { usedStretches } from "#server/billing/month-usage.ts";
import { rateFees, rateUsage } from "#server/billing/rating.ts";
import { HOUR_MS, hourStart, monthStart, nextMonthStart } from "#server/std/clock.ts";
import { messageOf } from "#server/std/fault.ts";
import type { Id } from "#server/std/id.ts";
import { formatCents } from "#server/std/money.ts";
import { parts, type Part } from "./catalog.ts";
import { billedMeters, meterUnits, type BilledMeter } from "./meter-unit.ts";
import { previewMonth } from "./preview.ts";
import { hourlySummaries, toldOf } from "./reconcile.ts";
import { findMeters } from "./setup.ts";
import { nowOf, type StripeTools } from "./tools.ts";

const HOURS_SHOWN = 36;
const LISTED_MAX = 50;

export type Standing = {
  outbox: { queued: number; oldestHourAt: Date | null; late: number };
  events: { waiting: number; last: { type: string; receivedAt: Date } | null; caughtUpAt: Date | null };
  notices: { key: string; message: string; raisedAt: Date }[];
  parked: { organizationId: string; name: string; slug: string; because: string }[];
  held: { invoiceId: string; name: string; slug: string; monthAt: Date; because: string }[];
};

/** Where the exchange with Stripe stands, out of our own tables. */
export async function exchangeStanding({ db }: Pick<StripeTools, "db">): Promise<Standing> {
  const [queued, late, waiting, last, mark, notices, parked, held] = await Promise.all([
    db.stripeOutbox.aggregate({ where: { state: "queued" }, _count: true, _min: { hourAt: true } }),
    db.stripeOutbox.count({ where: { state: "late" } }),
    db.webhookEvent.count({ where: { appliedAt: null } }),
    db.webhookEvent.findFirst({ orderBy: { receivedAt: "desc" }, select: { type: true, receivedAt: true } }),
    db.stripeMark.findUnique({ where: { name: "caught_up" }, select: { at: true } }),
    db.stripeNotice.findMany({
      orderBy: { raisedAt: "asc" },
      take: LISTED_MAX,
      select: { key: true, message: true, raisedAt: true },
    }),
    db.$queryRaw<Standing["parked"]>`
      SELECT organization.id AS "organizationId", name, slug, parked_because AS because
      FROM stripe_customer JOIN organization ON organization.id = organization_id
      WHERE parked_because IS NOT NULL ORDER BY name LIMIT ${LISTED_MAX}`,
    db.$queryRaw<Standing["held"]>`
      SELECT invoice_id AS "invoiceId", name, slug, period_from AS "monthAt", held_because AS because
      FROM stripe_invoice JOIN organization ON organization.id = organization_id
      WHERE held_because IS NOT NULL AND status = 'draft' ORDER BY period_from LIMIT ${LISTED_MAX}`,
  ]);
  return {
    outbox: { queued: queued._count, oldestHourAt: queued._min.hourAt, late },
    events: { waiting, last, caughtUpAt: mark?.at ?? null },
    notices,
    parked,
    held,
  };
}

export type HourRow = {
  hourAt: Date;
  meter: BilledMeter;
  unit: string;
  ledger: bigint;
  stripe: bigint;
  difference: bigint;
  isSettled: boolean;
};
export type MoneyRow = { part: Part; ours: string; stripe: string; difference: string; isEqual: boolean };

export type OrganizationAccount = {
  hours: HourRow[];
  month: MoneyRow[] | null;
  /** What Stripe answered instead; null when it answered. */
  awayBecause: string | null;
};

/** The last hours of an organization and its running month, as the ledger has them and as Stripe has them. */
export async function reconciliationOf(
  tools: StripeTools,
  organizationId: Id<"organization">,
): Promise<OrganizationAccount> {
  try {
    const [hours, month] = [await hourRows(tools, organizationId), await moneyRows(tools, organizationId)];
    return { hours, month, awayBecause: null };
  } catch (error) {
    return { hours: [], month: null, awayBecause: messageOf(error) };
  }
}

async function hourRows(tools: StripeTools, organizationId: Id<"organization">): Promise<HourRow[]> {
  const customer = await tools.db.stripeCustomer.findUnique({
    where: { organizationId },
    select: { customerId: true },
  });
  if (!customer) return [];
  const to = new Date(hourStart(nowOf(tools)).getTime() + HOUR_MS);
  const from = new Date(to.getTime() - HOURS_SHOWN * HOUR_MS);
  const [told, meters] = [await toldOf(tools, { organizationId, from, to }), await findMeters(tools.stripe)];
  const rows: HourRow[] = [];
  for (const meter of billedMeters) {
    const meterId = meters[meter]?.id;
    if (meterId === undefined) continue;
    const counted = await hourlySummaries(tools, { customerId: customer.customerId, meterId, from, to });
    const ofMeter = told.filter((one) => one.meter === meter);
    const hours = new Set([...counted.keys(), ...ofMeter.map(({ hourAt }) => hourAt.getTime())]);
    for (const hourMs of hours) {
      const ours = ofMeter.find(({ hourAt }) => hourAt.getTime() === hourMs);
      const [ledger, stripe] = [ours?.value ?? 0n, counted.get(hourMs) ?? 0n];
      const isSettled = ours?.isSettled ?? true;
      rows.push({
        hourAt: new Date(hourMs),
        meter,
        unit: meterUnits[meter].label,
        ledger,
        stripe,
        difference: stripe - ledger,
        isSettled,
      });
    }
  }
  return rows.toSorted((a, b) => b.hourAt.getTime() - a.hourAt.getTime() || a.meter.localeCompare(b.meter));
}

async function moneyRows(tools: StripeTools, organizationId: Id<"organization">): Promise<MoneyRow[] | null> {
  const preview = await previewMonth(tools, organizationId);
  if (!preview) return null;
  const now = nowOf(tools);
  const stretches = await usedStretches(tools.db, { organizationId, at: now });
  const fees = rateFees(stretches, { from: monthStart(now), to: nextMonthStart(now) });
  const usage = rateUsage(stretches);
  return parts.map((part) => {
    const lines = part === "fee" ? fees : usage.filter(({ meter }) => meter === part);
    const ours = lines.reduce((sum, { cents }) => sum + cents, 0n);
    const stripe = preview.lines.reduce((sum, line) => (line.meter === part ? sum + line.cents : sum), 0n);
    return {
      part,
      ours: formatCents(ours),
      stripe: formatCents(stripe),
      difference: formatCents(stripe - ours),
      isEqual: ours === stripe,
    };
  });
}
