import Stripe from "stripe";
import type { Plan, PriceBook, PriceVersion } from "#server/billing/price-book.ts";
import { decimalCents } from "#server/std/money.ts";
import { billedMeters, meterUnits, unitPrice, unitsOf, type BilledMeter } from "./meter-unit.ts";

/** A line of a subscription: the plan's fee, or a meter. */
export type Part = BilledMeter | "fee";
export const parts = ["fee", ...billedMeters] as const satisfies readonly Part[];

/** "sluice_pro_requests_v1": by this name the prices of a version are found, so no table of ours has to remember them. */
export function lookupKey(of: { plan: string; part: Part; version: number }): string {
  return `sluice_${of.plan}_${of.part}_v${of.version}`;
}

/** What the price is of, as its own metadata says. */
type PriceMeaning = { part: Part; version: number };

export function meaningOf(price: Pick<Stripe.Price, "metadata">): PriceMeaning | null {
  const part = parts.find((one) => one === price.metadata["sluice_part"]);
  const version = Number(price.metadata["sluice_version"]);
  return part && Number.isInteger(version) && version > 0 ? { part, version } : null;
}

export function productId(part: Part): string {
  return `sluice_${part}`;
}

export const productNames: Record<Part, string> = {
  fee: "Plan",
  requests: meterUnits.requests.title,
  cpu: meterUnits.cpu.title,
  egress: meterUnits.egress.title,
};

/** Plans that bill; the others need nothing of Stripe. */
export function billedPlans({ plans }: PriceVersion): Plan[] {
  return Object.values(plans).filter((plan) => plan.overage === "billed");
}

/** What Stripe is asked for: a fee each month, and for a meter what is included as a first tier at nothing. */
export function priceRequest(
  plan: Plan,
  of: { part: Part; version: number; meterId: string | null },
): Stripe.PriceCreateParams {
  const { part, version, meterId } = of;
  const shared = {
    currency: "usd",
    product: productId(part),
    lookup_key: lookupKey({ plan: plan.name, part, version }),
    nickname: `${plan.title}: ${productNames[part]}, version ${version}`,
    metadata: { sluice_part: part, sluice_version: String(version), sluice_plan: plan.name },
  };
  if (part === "fee")
    return {
      ...shared,
      recurring: { interval: "month", usage_type: "licensed" },
      unit_amount_decimal: Stripe.Decimal.from(decimalCents(plan.monthlyFee)),
    };
  if (meterId === null) throw new Error("a metered price needs its meter");
  const price = plan.meters[part];
  const unit = Stripe.Decimal.from(unitPrice(part, price));
  const included = Number(unitsOf(part, price.included));
  const paid = { up_to: "inf" as const, unit_amount_decimal: unit };
  return {
    ...shared,
    recurring: { interval: "month", usage_type: "metered", meter: meterId },
    billing_scheme: "tiered",
    tiers_mode: "graduated",
    tiers: included > 0 ? [{ up_to: included, unit_amount_decimal: Stripe.Decimal.from("0") }, paid] : [paid],
  };
}

/** The prices of a version by part; null when Stripe does not have all of them yet. */
export async function findPrices(
  stripe: Stripe,
  of: { plan: string; version: number },
): Promise<Record<Part, Stripe.Price> | null> {
  const keys = parts.map((part) => lookupKey({ ...of, part }));
  const { data } = await stripe.prices.list({ lookup_keys: keys, limit: 100 });
  const find = (part: Part) => data.find((one) => one.lookup_key === lookupKey({ ...of, part }));
  const [fee, requests, cpu, egress] = [find("fee"), find("requests"), find("cpu"), find("egress")];
  return fee && requests && cpu && egress ? { fee, requests, cpu, egress } : null;
}

/** The meaning of each price id that the book's versions have at Stripe, for reading invoice lines. */
export async function priceMeanings(stripe: Stripe, book: PriceBook): Promise<Map<string, PriceMeaning>> {
  const meanings = new Map<string, PriceMeaning>();
  for (const version of book) {
    for (const plan of billedPlans(version)) {
      const keys = parts.map((part) => lookupKey({ plan: plan.name, part, version: version.version }));
      const { data } = await stripe.prices.list({ lookup_keys: keys, limit: 100 });
      for (const price of data) {
        const meaning = meaningOf(price);
        if (meaning) meanings.set(price.id, meaning);
      }
    }
  }
  return meanings;
}
