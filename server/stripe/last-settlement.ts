import { randomUUID } from "node:crypto";
import { changeInvoice } from "#server/billing/invoice-changes.ts";
import { asId, type Id } from "#server/std/id.ts";
import { formatCents } from "#server/std/money.ts";
import { mirrorInvoice, SETTLES_MARK } from "./invoice-mirror.ts";
import { underLock } from "./lock.ts";
import { chargedOf, dueOf } from "./month-account.ts";
import { ourMonths, theirMonths } from "./month-sides.ts";
import { nowOf, type StripeTools } from "./tools.ts";

/** The least that a card can be charged. */
const LEAST_CENTS = 50n;

/**
 * Usage that came late when an organization has no subscription any more: no invoice of Stripe's is to come that could take
 * it along, so it gets one of its own; less than a card can be charged is let go. Returns for how many something was done.
 */
export async function settleLast(tools: StripeTools): Promise<number> {
  const rows = await tools.db.$queryRaw<{ organizationId: string; customerId: string }[]>`
    SELECT DISTINCT customer.organization_id AS "organizationId", customer.customer_id AS "customerId"
    FROM stripe_customer AS customer JOIN invoice ON invoice.organization_id = customer.organization_id AND invoice.state = 'open'
    WHERE customer.parked_because IS NULL
      AND NOT EXISTS (SELECT FROM stripe_subscription AS going WHERE going.organization_id = customer.organization_id AND going.ended_at IS NULL)
      AND NOT EXISTS (SELECT FROM stripe_invoice AS pending WHERE pending.organization_id = customer.organization_id AND pending.status IN ('draft', 'open'))
    ORDER BY 1`;
  let settled = 0;
  for (const { organizationId, customerId } of rows)
    if (await settleOne(tools, asId("organization", organizationId), customerId)) settled += 1;
  return settled;
}

function settleOne(tools: StripeTools, organizationId: Id<"organization">, customerId: string): Promise<boolean> {
  return underLock(tools.locks, `last:${organizationId}`, async () => {
    const until = nowOf(tools);
    const ours = await ourMonths(tools.db, { organizationId, until });
    const theirs = await theirMonths(tools.db, { organizationId, until });
    const due = ours.reduce((sum, one) => sum + dueOf(one), 0n);
    const open = due - [...theirs.values()].reduce((sum, one) => sum + chargedOf(one), 0n);
    const newest = ours.at(-1)?.monthAt;
    if (newest === undefined) return false;
    if (open < LEAST_CENTS) return letGo(tools, organizationId, open);
    await charge(tools, { organizationId, customerId, cents: open, monthAt: newest });
    return true;
  });
}

async function letGo(tools: StripeTools, organizationId: Id<"organization">, cents: bigint): Promise<boolean> {
  const rows = await tools.db.invoice.findMany({ where: { organizationId, state: "open" }, select: { number: true } });
  const reason =
    cents > 0n ? `${formatCents(cents)} is less than a card can be charged.` : "Nothing of it is left to pay.";
  for (const { number } of rows) {
    if (number === null) continue;
    const step = { number, to: cents > 0n ? "void" : "paid", reason, userId: null, now: nowOf(tools) } as const;
    await tools.db.$transaction((tx) => changeInvoice(tx, step));
  }
  return rows.length > 0;
}

/** The item is looked for before it is made: an answer that was lost leaves one that waits for an invoice. */
async function charge(
  tools: StripeTools,
  of: { organizationId: string; customerId: string; cents: bigint; monthAt: Date },
): Promise<void> {
  const { stripe } = tools;
  const mark = `${of.monthAt.toISOString().slice(0, 7)}:late`;
  const waiting = await stripe.invoiceItems.list({ customer: of.customerId, pending: true, limit: 100 });
  const isThere = waiting.data.some(
    ({ metadata, amount }) => metadata?.[SETTLES_MARK] === mark && BigInt(amount) === of.cents,
  );
  if (!isThere)
    await stripe.invoiceItems.create(
      {
        customer: of.customerId,
        currency: "usd",
        amount: Number(of.cents),
        description: "Usage that came after the last invoice",
        metadata: { [SETTLES_MARK]: mark },
      },
      { idempotencyKey: `last-item:${of.organizationId}:${mark}:${randomUUID()}` },
    );
  const invoice = await stripe.invoices.create(
    { customer: of.customerId, pending_invoice_items_behavior: "include", auto_advance: true },
    { idempotencyKey: `last:${of.organizationId}:${mark}:${randomUUID()}` },
  );
  if (await mirrorInvoice(tools, invoice.id))
    await tools.db.stripeInvoice.update({
      where: { invoiceId: invoice.id },
      data: { closedAt: nowOf(tools) },
      select: { invoiceId: true },
    });
}
