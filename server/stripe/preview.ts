import { randomUUID } from "node:crypto";
import type Stripe from "stripe";
import { loadPriceBook } from "#server/billing/price-versions.ts";
import type { Id } from "#server/std/id.ts";
import { priceMeanings, type Part } from "./catalog.ts";
import { runningSubscription } from "./subscription-mirror.ts";
import { nowOf, toSeconds, type StripeTools } from "./tools.ts";

export type ProviderLine = { meter: Part; cents: bigint };

/**
 * What Stripe has for the month that runs: usage as its preview of the next invoice has it, and the fee that it charged
 * ahead, on the invoice before. Null without a subscription.
 */
export async function previewMonth(
  tools: StripeTools,
  organizationId: Id<"organization">,
): Promise<{ totalCents: bigint; lines: ProviderLine[] } | null> {
  const running = await runningSubscription(tools, organizationId);
  if (!running) return null;
  const { stripe } = tools;
  const { subscriptionId: subscription } = running;
  const [meanings, preview, { latest_invoice: latest }] = await Promise.all([
    priceMeanings(stripe, await loadPriceBook(tools.db)),
    stripe.invoices.createPreview({ subscription }, { idempotencyKey: previewKey() }),
    stripe.subscriptions.retrieve(subscription, { expand: ["latest_invoice"] }),
  ]);
  const partOf = (line: Stripe.InvoiceLineItem) => meanings.get(priceIdOf(line) ?? "")?.part;
  const now = toSeconds(nowOf(tools));
  const charged = latest === null || typeof latest === "string" ? [] : latest.lines.data;
  const fees = charged.filter((line) => partOf(line) === "fee" && line.period.start <= now && line.period.end > now);
  const usage = preview.lines.data.filter((line) => line.period.start <= now);
  const lines = [...fees, ...usage].flatMap((line) => {
    const meter = partOf(line);
    return meter === undefined ? [] : [{ meter, cents: BigInt(line.amount) }];
  });
  return { totalCents: lines.reduce((sum, { cents }) => sum + cents, 0n), lines };
}

export function priceIdOf(line: Stripe.InvoiceLineItem): string | null {
  const price = line.pricing?.price_details?.price;
  return typeof price === "string" ? price : (price?.id ?? null);
}

/** A preview changes nothing; the key only has to be another one each time. */
function previewKey(): string {
  return `preview:${randomUUID()}`;
}
