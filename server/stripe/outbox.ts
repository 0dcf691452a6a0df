import { nextMonthStart } from "#server/std/clock.ts";
import { versionAt, type PriceBook } from "#server/billing/price-book.ts";
import { loadPriceBook } from "#server/billing/price-versions.ts";
import type { Db } from "#server/db/client.ts";
import { isSealed } from "#server/metering/seals.ts";
import type { Usage } from "#server/metering/usage.ts";
import { asId, type Id } from "#server/std/id.ts";
import { hourValues, type HourValue } from "./hour-values.ts";
import { billedMeters, type BilledMeter } from "./meter-unit.ts";
import { sealedSince, sealsOf, type Seal } from "./seals.ts";
import { subscriptionColumns, type SubscriptionRow } from "./subscription-mirror.ts";
import { turnThisMonth } from "./subscription-turn.ts";
import { nowOf, type StripeTools } from "./tools.ts";

/** A seal may be written before, and be seen after, one that bears a later time. */
const OVERLAP_MS = 600_000;

const MARK = "fed";

/** Puts what was sealed since the last round into the outbox. Returns the number of new rows. */
export async function feedOutbox(tools: StripeTools): Promise<number> {
  const { db } = tools;
  const began = nowOf(tools);
  // Hours of a month whose prices Stripe does not have yet wait: it would drop them when the prices change.
  if (!(await turnThisMonth(tools))) return 0;
  const mark = await db.stripeMark.findUnique({ where: { name: MARK }, select: { at: true } });
  const since = mark ? new Date(mark.at.getTime() - OVERLAP_MS) : new Date(0);
  let fed = 0;
  for (const { organizationId, monthAt } of await sealedSince(db, since))
    fed += await feedMonth(tools, { organizationId: asId("organization", organizationId), monthAt });
  await db.stripeMark.upsert({
    where: { name: MARK },
    create: { name: MARK, at: began },
    update: { at: began },
    select: { name: true },
  });
  return fed;
}

export type Month = { organizationId: Id<"organization">; monthAt: Date };

/**
 * Queues what the outbox lacks of a month: an hour that it never had, or one whose total is another by now. Totals are
 * absolute, so doing this twice queues nothing the second time, whatever was sent in between.
 */
export async function feedMonth(
  tools: Pick<StripeTools, "db" | "clock">,
  { organizationId, monthAt }: Month,
): Promise<number> {
  const { db } = tools;
  const monthEnd = nextMonthStart(monthAt);
  const subscriptions = await db.stripeSubscription.findMany({
    where: {
      organizationId,
      billedFrom: { lt: monthEnd },
      OR: [{ billedTo: null }, { billedTo: { gt: monthAt } }],
    },
    orderBy: { billedFrom: "asc" },
    select: subscriptionColumns,
  });
  if (subscriptions.length === 0) return 0;
  const [seals, whole, book] = [
    await sealsOf(db, { organizationId, from: monthAt, to: monthEnd }),
    await isSealed(tools, { organizationId, from: monthAt, to: monthEnd }),
    await loadPriceBook(db),
  ];
  let queued = 0;
  for (const meter of billedMeters) {
    const wanted = subscriptions.flatMap((one) =>
      valuesOf(one, { meter, seals, month: { from: monthAt, to: monthEnd }, isWhole: whole, book }),
    );
    queued += await queue(tools, { organizationId, meter, wanted });
  }
  return queued;
}

type MonthOfMeter = {
  meter: BilledMeter;
  seals: readonly Seal[];
  month: { from: Date; to: Date };
  isWhole: boolean;
  book: PriceBook;
};

function valuesOf(
  subscription: SubscriptionRow,
  { meter, seals, month, isWhole: whole, book }: MonthOfMeter,
): HourValue[] {
  const { billedFrom, billedTo } = subscription;
  const to = billedTo !== null && billedTo < month.to ? billedTo : month.to;
  const used = (seal: Seal) => seal[columns[meter]];
  const hours = seals.filter(({ hourAt }) => hourAt >= billedFrom && hourAt < to);
  const earlier = seals.filter(({ hourAt }) => hourAt < billedFrom);
  const included = versionAt(book, billedFrom).plans.pro.meters[meter].included;
  return hourValues({
    meter,
    hours: hours.map((seal) => ({ hourAt: seal.hourAt, used: used(seal) })),
    before:
      billedFrom > month.from
        ? { used: earlier.reduce((sum, seal) => sum + used(seal), 0n), included, firstHour: billedFrom }
        : null,
    isWhole: whole,
  });
}

const columns = { requests: "requests", cpu: "cpuNs", egress: "egressBytes" } as const satisfies Record<
  BilledMeter,
  keyof Usage
>;

type Wanted = { organizationId: string; meter: BilledMeter; wanted: readonly HourValue[] };

/** One statement a meter and month. A total that was never sent gives way to a newer one; one that may be on its way does not. */
async function queue(
  tools: Pick<StripeTools, "db" | "clock">,
  { organizationId, meter, wanted }: Wanted,
): Promise<number> {
  if (wanted.length === 0) return 0;
  const now = nowOf(tools);
  const hours = wanted.map(({ hourAt }) => hourAt);
  return tools.db.$transaction(async (tx) => {
    const queued = await tx.$executeRaw`
      INSERT INTO stripe_outbox (organization_id, meter, hour_at, revision, value, created_at, next_at)
      SELECT ${organizationId}, ${meter}, wanted.hour_at, coalesce(last.revision, 0) + 1, wanted.value, ${now}, ${now}
      FROM unnest(${hours}::timestamptz[], ${wanted.map(({ value }) => value)}::bigint[]) AS wanted(hour_at, value)
      LEFT JOIN LATERAL (
        SELECT revision, value FROM stripe_outbox
        WHERE organization_id = ${organizationId} AND meter = ${meter} AND hour_at = wanted.hour_at
        ORDER BY revision DESC LIMIT 1
      ) AS last ON true
      WHERE coalesce(last.value, 0) <> wanted.value
      ORDER BY wanted.hour_at
      ON CONFLICT (organization_id, meter, hour_at, revision) DO NOTHING`;
    if (queued > 0)
      await tx.$executeRaw`
        UPDATE stripe_outbox AS old SET state = 'superseded', settled_at = ${now}
        WHERE organization_id = ${organizationId} AND meter = ${meter} AND state = 'queued' AND attempts = 0
          AND EXISTS (SELECT FROM stripe_outbox AS newer WHERE newer.organization_id = old.organization_id AND newer.meter = old.meter
                      AND newer.hour_at = old.hour_at AND newer.revision > old.revision)`;
    return queued;
  });
}

/** Sends an hour's newest total once more, under a new revision: for an hour that Stripe has otherwise. */
export async function queueAgain(
  tools: Pick<StripeTools, "db" | "clock">,
  of: { organizationId: string; meter: BilledMeter; hourAt: Date; value: bigint },
): Promise<void> {
  const now = nowOf(tools);
  await tools.db.$executeRaw`
    INSERT INTO stripe_outbox (organization_id, meter, hour_at, revision, value, created_at, next_at)
    SELECT ${of.organizationId}, ${of.meter}, ${of.hourAt}, coalesce(max(revision), 0) + 1, ${of.value}, ${now}, ${now}
    FROM stripe_outbox WHERE organization_id = ${of.organizationId} AND meter = ${of.meter} AND hour_at = ${of.hourAt}
    ON CONFLICT (organization_id, meter, hour_at, revision) DO NOTHING`;
}

/** Whether nothing of an organization's hours in a span waits to be sent. */
export async function isSent(db: Db, of: { organizationId: string; from: Date; to: Date }): Promise<boolean> {
  const waiting = await db.stripeOutbox.findFirst({
    where: { organizationId: of.organizationId, state: "queued", hourAt: { gte: of.from, lt: of.to } },
    select: { position: true },
  });
  return waiting === null;
}
