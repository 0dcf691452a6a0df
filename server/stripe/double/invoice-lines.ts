import { graduated, shareOf, toCents, volume } from "./amounts.ts";
import { isMetered, priceOf } from "./catalog.ts";
import { usedOf } from "./meters.ts";
import type { InvoiceItem, InvoiceLine, Price, Subscription, SubscriptionItem, World } from "./world.ts";

type Span = { start: number; end: number };

/** What a metered item's usage in a span comes to: one line, rounded once. */
export function usageLine(
  world: World,
  subscription: Subscription,
  item: SubscriptionItem,
  { start, end }: Span,
): InvoiceLine {
  const price = priceOf(world, item.price);
  const meter = price.recurring?.meter ?? "";
  const quantity = usedOf(world, { meter, customer: subscription.customer, from: start, to: end });
  return {
    id: `il_usage_${item.id}_${start}`,
    cents: toCents(amountOf(quantity, price)),
    description: `${quantity} × ${world.products.get(price.product)?.name ?? price.product}`,
    quantity,
    price: price.id,
    start,
    end,
    metadata: {},
    from: { kind: "subscription", item: item.id, isMetered: true },
    creditedCents: 0n,
  };
}

/** A licensed item for a span; when that is part of a month, for the part. */
export function licenseLine(world: World, item: SubscriptionItem, { start, end }: Span): InvoiceLine {
  const price = priceOf(world, item.price);
  const quantity = BigInt(item.quantity ?? 1);
  const month = monthAround(start);
  const full = toCents(amountOf(quantity, price));
  const isWhole = start === month.start && end === month.end;
  return {
    id: `il_fee_${item.id}_${start}`,
    cents: isWhole ? full : shareOf(full, end - start, month.end - month.start),
    description: `${quantity} × ${world.products.get(price.product)?.name ?? price.product}`,
    quantity,
    price: price.id,
    start,
    end,
    metadata: {},
    from: { kind: "subscription", item: item.id, isMetered: false },
    creditedCents: 0n,
  };
}

/** What was set aside for the customer's next invoice. */
export function pendingLine(item: InvoiceItem): InvoiceLine {
  return {
    id: `il_item_${item.id}`,
    cents: item.cents,
    description: item.description ?? "",
    quantity: 1n,
    price: null,
    start: item.start,
    end: item.end,
    metadata: item.metadata,
    from: { kind: "item", invoiceItem: item.id, isProration: item.isProration },
    creditedCents: 0n,
  };
}

export function pendingItems(world: World, customer: string): InvoiceItem[] {
  return [...world.invoiceItems.values()].filter((item) => item.customer === customer && item.invoice === null);
}

/** The invoice that ends the periods which run now: usage of the period past, fees of the next, and what was set aside. */
export function cycleLines(world: World, subscription: Subscription, end: number): InvoiceLine[] {
  const next = { start: end, end: monthAround(end).end };
  const lines = subscription.items.map((item) =>
    isMetered(priceOf(world, item.price))
      ? usageLine(world, subscription, item, { start: item.periodStart, end })
      : licenseLine(world, item, next),
  );
  return [...pendingItems(world, subscription.customer).map(pendingLine), ...lines];
}

function amountOf(quantity: bigint, price: Price): bigint {
  if (price.tiers)
    return price.tiersMode === "volume" ? volume(quantity, price.tiers) : graduated(quantity, price.tiers);
  return quantity > 0n ? quantity * (price.unit ?? 0n) : 0n;
}

/** The UTC month that holds a moment, in seconds. */
export function monthAround(at: number): Span {
  const date = new Date(at * 1000);
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
  return { start: Date.UTC(year, month, 1) / 1000, end: Date.UTC(year, month + 1, 1) / 1000 };
}
