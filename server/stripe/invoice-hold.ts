import { randomUUID } from "node:crypto";
import { DAY_MS } from "#server/std/clock.ts";
import { fromSeconds, nowOf, toSeconds, type StripeTools } from "./tools.ts";
import type { InvoiceRow } from "./invoice-mirror.ts";

/** Stripe finalizes a draft an hour after it was made; a month is seldom sealed by then. */
const POSTPONED_MS = DAY_MS;
/** Before Stripe would finalize, it is put off again. */
export const POSTPONE_WITHIN_MS = DAY_MS / 2;

/** Whether an invoice ends a month whose usage it is to hold. */
export function endsMonth({ status, reason }: Pick<InvoiceRow, "status" | "reason">): boolean {
  return status === "draft" && reason === "subscription_cycle";
}

/** Puts off finalizing, so that usage which is still on its way to Stripe is on the invoice. */
export async function postpone(tools: StripeTools, invoice: InvoiceRow): Promise<void> {
  const now = nowOf(tools);
  if (invoice.finalizesAt === null || invoice.finalizesAt.getTime() - now.getTime() > POSTPONE_WITHIN_MS) return;
  const at = toSeconds(new Date(Math.max(now.getTime(), invoice.createdAt.getTime()) + POSTPONED_MS));
  const { automatically_finalizes_at: set } = await tools.stripe.invoices.update(
    invoice.invoiceId,
    { automatically_finalizes_at: at },
    { idempotencyKey: `postpone:${invoice.invoiceId}:${randomUUID()}` },
  );
  await tools.db.stripeInvoice.update({
    where: { invoiceId: invoice.invoiceId },
    data: { finalizesAt: set === null ? null : fromSeconds(set) },
    select: { invoiceId: true },
  });
}
