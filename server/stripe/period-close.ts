import { randomUUID } from "node:crypto";
import { versionAt } from "#server/billing/price-book.ts";
import { loadPriceBook } from "#server/billing/price-versions.ts";
import { HOUR_MS, monthStart } from "#server/std/clock.ts";
import { messageOf } from "#server/std/fault.ts";
import { asId, type Id } from "#server/std/id.ts";
import { expectedCents } from "./expected-lines.ts";
import { endsMonth, postpone } from "./invoice-hold.ts";
import { followInvoice, holdOurs, releaseOurs } from "./our-invoice.ts";
import { mirrorInvoice, mirroredLinesOf, SETTLES_MARK, type InvoiceRow } from "./invoice-mirror.ts";
import { underLock } from "./lock.ts";
import type { BilledMeter } from "./meter-unit.ts";
import { chargedOf, closeAccount, dueOf, type Closing, type Settlement, type SettlementKind } from "./month-account.ts";
import { emptyMonth, monthClosedBy, ourMonths, theirMonths } from "./month-sides.ts";
import { clearNotice, raiseNotice } from "./notices.ts";
import { feedMonth, isSent } from "./outbox.ts";
import { nowOf, type StripeTools } from "./tools.ts";

/** Stripe counts usage a while after it took it: so long a difference is waited out before it is held for one. */
const LAG_MS = HOUR_MS;

export type Step = "closed" | "waiting" | "held" | "gone";

/** Closes the invoices that end a month, each as soon as it can be. Returns how many were finalized. */
export async function closeInvoices(tools: StripeTools): Promise<number> {
  const drafts = await tools.db.stripeInvoice.findMany({
    where: { status: "draft", reason: "subscription_cycle", heldBecause: null },
    orderBy: { createdAt: "asc" },
    select: { invoiceId: true },
  });
  let closed = 0;
  for (const { invoiceId } of drafts) {
    try {
      if ((await closeInvoice(tools, invoiceId)) === "closed") closed += 1;
    } catch (error) {
      tools.log.warn({ invoiceId, err: messageOf(error) }, "an invoice could not be closed yet");
    }
  }
  return closed;
}

/**
 * One invoice: waits until our own of that month is issued, which takes all of its hours sealed, and all of them told to
 * Stripe; holds Stripe's lines against ours to the cent; puts on it what differs for a reason that is known; finalizes.
 */
export function closeInvoice(tools: StripeTools, invoiceId: string): Promise<Step> {
  return underLock(tools.locks, `object:${invoiceId}`, async () => {
    const invoice = await mirrorInvoice(tools, invoiceId);
    if (!invoice || !endsMonth(invoice)) return "gone";
    const month = monthClosedBy(invoice);
    const organizationId = asId("organization", invoice.organizationId);
    if (!(await isTold(tools, { organizationId, month }))) {
      await postpone(tools, invoice);
      return "waiting";
    }
    const closing = await compare(tools, { organizationId, month, invoice });
    if (closing.kind === "differs")
      return holdOrWait(tools, { invoice, organizationId, month, because: closing.because });
    await putOn(tools, { invoice, month, settlements: closing.settlements });
    await finalize(tools, { invoice, organizationId, month });
    return "closed";
  });
}

type Month = { from: Date; to: Date };
type Of = { organizationId: Id<"organization">; month: Month };

async function isTold(tools: StripeTools, { organizationId, month }: Of): Promise<boolean> {
  const ours = await tools.db.invoice.findFirst({
    where: { organizationId, periodFrom: month.from, number: { not: null } },
    select: { id: true },
  });
  if (!ours) return false;
  await feedMonth(tools, { organizationId, monthAt: month.from });
  return isSent(tools.db, { organizationId, ...month });
}

/** Both sides of the month, and of all months before it. */
export async function compare(tools: StripeTools, of: Of & { invoice: InvoiceRow }): Promise<Closing> {
  const { organizationId, month } = of;
  const [ours, theirs] = [
    await ourMonths(tools.db, { organizationId, until: month.to }),
    await theirMonths(tools.db, { organizationId, until: month.to }),
  ];
  const current = ours.find(({ monthAt }) => monthAt.getTime() === month.from.getTime());
  if (!current) return { kind: "differs", because: "our invoice of the month is void" };
  const theirCurrent = theirs.get(month.from.getTime()) ?? emptyMonth(month.from);
  const due = ours.reduce((sum, one) => sum + (one === current ? 0n : dueOf(one)), 0n);
  const charged = [...theirs.values()].reduce((sum, one) => sum + (one === theirCurrent ? 0n : chargedOf(one)), 0n);
  const { expected, pricesChanged } = await expectedOf(tools, of);
  return closeAccount({ ours: current, theirs: theirCurrent, expected, pricesChanged, earlierCents: due - charged });
}

/** By what Stripe was told, at the prices of the subscription that the invoice is of. */
async function expectedOf(
  tools: StripeTools,
  { organizationId, month, invoice }: Of & { invoice: InvoiceRow },
): Promise<{ expected: Record<BilledMeter, bigint>; pricesChanged: boolean }> {
  const subscription = await tools.db.stripeSubscription.findFirst({
    where: { subscriptionId: invoice.subscriptionId ?? "", organizationId },
    select: { priceVersion: true, billedFrom: true, billedTo: true },
  });
  if (!subscription) throw new Error(`${invoice.invoiceId} is of a subscription that is not known yet`);
  const { priceVersion, billedFrom, billedTo } = subscription;
  const book = await loadPriceBook(tools.db);
  const version = book.find((one) => one.version === versionOf(invoice, priceVersion)) ?? versionAt(book, month.from);
  const told = await toldUnits(tools, {
    organizationId,
    from: billedFrom > month.from ? billedFrom : month.from,
    to: billedTo !== null && billedTo < month.to ? billedTo : month.to,
  });
  const cents = (meter: BilledMeter) => expectedCents(version.plans.pro, meter, told.get(meter) ?? 0n);
  const began = versionAt(book, month.from).version;
  const isWithin = book.some(({ effectiveAt }) => effectiveAt > month.from && effectiveAt < month.to);
  // The fee was charged ahead, at the prices with which the month before began.
  const before = monthStart(new Date(month.from.getTime() - 1));
  const isAtBegin = versionAt(book, before).version !== began;
  return {
    expected: { requests: cents("requests"), cpu: cents("cpu"), egress: cents("egress") },
    pricesChanged: isWithin || isAtBegin || version.version !== began,
  };
}

/** The subscription may have gone over to newer prices since: the invoice's own lines say which it has. */
function versionOf(invoice: InvoiceRow, current: number): number {
  return invoice.priceVersion ?? current;
}

async function toldUnits(
  { db }: Pick<StripeTools, "db">,
  of: { organizationId: string; from: Date; to: Date },
): Promise<Map<string, bigint>> {
  const rows = await db.$queryRaw<{ meter: string; units: bigint }[]>`
    SELECT meter, sum(value)::bigint AS units FROM (
      SELECT DISTINCT ON (meter, hour_at) meter, value FROM stripe_outbox
      WHERE organization_id = ${of.organizationId} AND hour_at >= ${of.from} AND hour_at < ${of.to} AND state = 'delivered'
      ORDER BY meter, hour_at, revision DESC
    ) AS told GROUP BY meter`;
  return new Map(rows.map(({ meter, units }) => [meter, units]));
}

async function holdOrWait(tools: StripeTools, of: Of & { invoice: InvoiceRow; because: string }): Promise<Step> {
  const { organizationId, month, invoice, because } = of;
  const last = await tools.db.stripeOutbox.aggregate({
    where: { organizationId, hourAt: { gte: month.from, lt: month.to } },
    _max: { settledAt: true },
  });
  const since = Math.max(last._max.settledAt?.getTime() ?? 0, invoice.createdAt.getTime());
  if (nowOf(tools).getTime() - since < LAG_MS) {
    await postpone(tools, invoice);
    return "waiting";
  }
  await tools.stripe.invoices.update(
    invoice.invoiceId,
    { auto_advance: false },
    { idempotencyKey: `hold:${invoice.invoiceId}:${randomUUID()}` },
  );
  await tools.db.stripeInvoice.update({
    where: { invoiceId: invoice.invoiceId },
    data: { heldBecause: because, finalizesAt: null },
    select: { invoiceId: true },
  });
  await holdOurs(tools, { organizationId, monthAt: month.from, because });
  const message = `The invoice of ${organizationId} for ${month.from.toISOString().slice(0, 7)} is held (${invoice.invoiceId}): ${because}.`;
  await raiseNotice(tools, `invoice:${invoice.invoiceId}`, message);
  return "held";
}

const descriptions: Record<SettlementKind, string> = {
  late: "Usage of earlier months that came late",
  credit: "Credit",
  prices: "Prices that changed within the month",
  earlier: "Settled from earlier months",
};

/** Puts amounts on a draft, those that are not on it yet: an answer that was lost is found on the invoice itself. */
async function putOn(
  tools: StripeTools,
  { invoice, month, settlements }: { invoice: InvoiceRow; month: Month; settlements: readonly Settlement[] },
): Promise<void> {
  const there = await mirroredLinesOf(tools, invoice.invoiceId);
  const { customerId: customer } = await tools.db.stripeCustomer.findUniqueOrThrow({
    where: { organizationId: invoice.organizationId },
    select: { customerId: true },
  });
  for (const { kind, cents } of settlements) {
    const mark = `${month.from.toISOString().slice(0, 7)}:${kind}`;
    const before = there.filter(({ settles }) => settles === mark).reduce((sum, line) => sum + line.cents, 0n);
    const amount = cents - before;
    if (amount === 0n) continue;
    await tools.stripe.invoiceItems.create(
      {
        customer,
        invoice: invoice.invoiceId,
        currency: "usd",
        amount: Number(amount),
        description: descriptions[kind],
        metadata: { [SETTLES_MARK]: mark },
      },
      { idempotencyKey: `settle:${invoice.invoiceId}:${mark}:${randomUUID()}` },
    );
  }
}

async function finalize(tools: StripeTools, of: Of & { invoice: InvoiceRow }): Promise<void> {
  const { invoiceId } = of.invoice;
  await tools.db.stripeInvoice.update({
    where: { invoiceId },
    data: { closedAt: nowOf(tools) },
    select: { invoiceId: true },
  });
  await releaseOurs(tools, { organizationId: of.organizationId, monthAt: of.month.from });
  await tools.stripe.invoices.finalizeInvoice(
    invoiceId,
    { auto_advance: true },
    { idempotencyKey: `finalize:${invoiceId}:${randomUUID()}` },
  );
  await clearNotice(tools.db, `invoice:${invoiceId}`);
  const final = await mirrorInvoice(tools, invoiceId);
  if (final) await followInvoice(tools, final);
}

/** Lets an invoice that is held be looked at again: for an operator who put right what was wrong. */
export async function releaseInvoice(tools: StripeTools, invoiceId: string): Promise<Step> {
  await tools.db.stripeInvoice.updateMany({ where: { invoiceId }, data: { heldBecause: null } });
  return closeInvoice(tools, invoiceId);
}
