import { changeInvoice, type InvoiceStep } from "#server/billing/invoice-changes.ts";
import { invoiceState, type InvoiceState } from "#server/billing/invoice-state.ts";
import type { Id } from "#server/std/id.ts";
import { asId } from "#server/std/id.ts";
import type { InvoiceRow } from "./invoice-mirror.ts";
import { monthClosedBy } from "./month-sides.ts";
import { nowOf, type StripeTools } from "./tools.ts";

type Of = { organizationId: Id<"organization">; monthAt: Date };

/** Our own invoice waits as well, with the reason, while Stripe's differs from it. */
export async function holdOurs(tools: StripeTools, of: Of & { because: string }): Promise<void> {
  const reason = `Not asked for yet: an operator looks at a difference (${of.because}).`;
  await step(tools, { ...of, from: ["open"], to: "held", reason });
}

export async function releaseOurs(tools: StripeTools, of: Of): Promise<void> {
  await step(tools, { ...of, from: ["held"], to: "open", reason: "" });
}

/**
 * Follows an invoice of Stripe's that closed a month: paid there, ours is paid, and so are those of earlier months, whose
 * rest was on it. Given up there, ours is given up. What Stripe finalized by itself, before all of the month was on it,
 * settles nothing yet: the invoice that closes the next month does.
 */
export async function followInvoice(tools: StripeTools, invoice: InvoiceRow): Promise<void> {
  if (invoice.closedAt === null) return;
  const organizationId = asId("organization", invoice.organizationId);
  const of = { organizationId, monthAt: monthClosedBy(invoice).from };
  if (invoice.status === "paid")
    await step(tools, {
      ...of,
      from: ["open", "held", "uncollectible"],
      to: "paid",
      reason: "Paid by card.",
      withEarlier: true,
    });
  if (invoice.status === "uncollectible")
    await step(tools, {
      ...of,
      from: ["open"],
      to: "uncollectible",
      reason: "Given up after several tries to charge the card.",
    });
}

type Move = Of & {
  from: readonly InvoiceState[];
  to: InvoiceStep["to"];
  reason: string;
  withEarlier?: boolean;
};

async function step(
  tools: StripeTools,
  { organizationId, monthAt, from, to, reason, withEarlier = false }: Move,
): Promise<void> {
  const rows = await tools.db.invoice.findMany({
    where: { organizationId, number: { not: null }, periodFrom: withEarlier ? { lte: monthAt } : monthAt },
    orderBy: { periodFrom: "asc" },
    select: { number: true, state: true },
  });
  for (const { number, state } of rows) {
    if (number === null || !from.includes(invoiceState.parse(state))) continue;
    await tools.db.$transaction((tx) => changeInvoice(tx, { number, to, reason, userId: null, now: nowOf(tools) }));
  }
}
