import { formatDecimal } from "./amounts.ts";
import { priceOf } from "./catalog.ts";
import { usageLine } from "./invoice-lines.ts";
import { listAnswer } from "./reading.ts";
import type { Wire } from "./shape.ts";
import type { Invoice, InvoiceLine, World } from "./world.ts";

export function totalOf(lines: readonly InvoiceLine[]): bigint {
  return lines.reduce((sum, line) => sum + line.cents - line.creditedCents, 0n);
}

/** A draft still takes up usage of its period, so its lines are worked out whenever somebody looks. */
export function linesOf(world: World, invoice: Invoice): InvoiceLine[] {
  if (invoice.status !== "draft") return invoice.lines;
  const subscription = invoice.subscription === null ? undefined : world.subscriptions.get(invoice.subscription);
  return invoice.lines.map((line) => {
    if (line.from.kind !== "subscription" || !line.from.isMetered || !subscription) return line;
    const { item: id } = line.from;
    const fresh = usageLine(world, subscription, itemStandIn(line, id), line);
    return { ...line, cents: fresh.cents, quantity: fresh.quantity, description: fresh.description };
  });
}

function itemStandIn(line: InvoiceLine, id: string) {
  return { id, created: 0, price: line.price ?? "", quantity: null, periodStart: line.start, periodEnd: line.end };
}

export function lineAnswer(
  world: World,
  line: InvoiceLine,
  invoice: Pick<Invoice, "id" | "subscription">,
): { [name: string]: Wire } {
  const price = line.price === null ? undefined : priceOf(world, line.price);
  const parent =
    line.from.kind === "item"
      ? {
          type: "invoice_item_details",
          subscription_item_details: null,
          invoice_item_details: {
            invoice_item: line.from.invoiceItem,
            proration: line.from.isProration,
            proration_details: null,
            subscription: invoice.subscription,
          },
        }
      : {
          type: "subscription_item_details",
          invoice_item_details: null,
          subscription_item_details: {
            invoice_item: null,
            proration: false,
            proration_details: null,
            subscription: invoice.subscription,
            subscription_item: line.from.item,
          },
        };
  return {
    id: line.id,
    object: "line_item",
    amount: Number(line.cents),
    currency: "usd",
    description: line.description,
    invoice: invoice.id,
    livemode: false,
    metadata: line.metadata,
    parent,
    period: { start: line.start, end: line.end },
    pretax_credit_amounts:
      line.creditedCents === 0n ? [] : [{ amount: Number(line.creditedCents), type: "credit_balance_transaction" }],
    pricing: price
      ? {
          type: "price_details",
          price_details: { price: price.id, product: price.product },
          unit_amount_decimal: price.unit === null ? null : formatDecimal(price.unit),
        }
      : null,
    quantity: Number(line.quantity),
    subtotal: Number(line.cents),
    subscription: invoice.subscription,
  };
}

export function invoiceAnswer(world: World, invoice: Invoice): { [name: string]: Wire } {
  const lines = linesOf(world, invoice);
  const total = totalOf(lines);
  const due = total > 0n ? total : 0n;
  return {
    id: invoice.id,
    object: "invoice",
    amount_due: Number(due),
    amount_paid: invoice.status === "paid" ? Number(due) : 0,
    amount_remaining: invoice.status === "paid" ? 0 : Number(due),
    attempt_count: invoice.attempts,
    attempted: invoice.attempts > 0,
    auto_advance: invoice.autoAdvance,
    automatically_finalizes_at: invoice.status === "draft" && invoice.autoAdvance ? invoice.finalizesAt : null,
    billing_reason: invoice.reason,
    collection_method: "charge_automatically",
    created: invoice.created,
    currency: "usd",
    customer: invoice.customer,
    hosted_invoice_url: invoice.status === "draft" ? null : `${world.origin}/invoice/${invoice.id}`,
    invoice_pdf: invoice.status === "draft" ? null : `${world.origin}/invoice/${invoice.id}/pdf`,
    lines: listAnswer(
      lines.slice(0, 10).map((line) => lineAnswer(world, line, invoice)),
      `/v1/invoices/${invoice.id}/lines`,
      lines.length > 10,
    ),
    livemode: false,
    metadata: invoice.metadata,
    next_payment_attempt: invoice.nextAttemptAt,
    number: invoice.number,
    parent:
      invoice.subscription === null
        ? null
        : {
            type: "subscription_details",
            quote_details: null,
            subscription_details: { subscription: invoice.subscription, metadata: {} },
          },
    period_end: invoice.periodEnd,
    period_start: invoice.periodStart,
    status: invoice.status,
    status_transitions: {
      finalized_at: invoice.finalizedAt,
      marked_uncollectible_at: null,
      paid_at: invoice.paidAt,
      voided_at: null,
    },
    subtotal: Number(lines.reduce((sum, line) => sum + line.cents, 0n)),
    total: Number(total),
  };
}
