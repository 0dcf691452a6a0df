import { randomUUID } from "node:crypto";
import type Stripe from "stripe";
import type { PriceBook } from "#server/billing/price-book.ts";
import {
  billedPlans,
  findPrices,
  lookupKey,
  parts,
  priceRequest,
  productId,
  productNames,
  type Part,
} from "./catalog.ts";
import { API_VERSION } from "./client.ts";
import { webhookTypes } from "./events/webhook-types.ts";
import { billedMeters, meterUnits, type BilledMeter } from "./meter-unit.ts";

export type SetupReport = {
  /** What was made, in words. Empty when all of it was there. */
  made: string[];
  /** The new webhook endpoint's secret: Stripe tells it this once. */
  webhookSecret: string | null;
};

export type SetupRequest = {
  book: PriceBook;
  /** Where Stripe reaches the console: "https://console.example.com/api/stripe/webhook". */
  webhookUrl: string;
};

/**
 * Makes at Stripe what is missing: meters, products, the prices of every version of the book, the portal's configuration
 * and the webhook endpoint. Each is looked for first, so that a second run changes nothing;
 * idempotency keys are a run's own, as Stripe would keep a failure under a fixed one for a day.
 */
export async function setUp(stripe: Stripe, { book, webhookUrl }: SetupRequest): Promise<SetupReport> {
  const made: string[] = [];
  const meters = await ensureMeters(stripe, made);
  await ensureProducts(stripe, made);
  await ensurePrices(stripe, { book, meters, made });
  await ensurePortal(stripe, made);
  const webhookSecret = await ensureWebhook(stripe, webhookUrl, made);
  return { made, webhookSecret };
}

/** Only the prices: for a version that was added while the console runs. */
export async function setUpPrices(stripe: Stripe, book: PriceBook): Promise<string[]> {
  const made: string[] = [];
  const meters = await ensureMeters(stripe, made);
  await ensureProducts(stripe, made);
  await ensurePrices(stripe, { book, meters, made });
  return made;
}

/** The prices of a version by part, made where a version began so lately that no job has made them. */
export async function pricesOf(
  stripe: Stripe,
  book: PriceBook,
  of: { plan: string; version: number },
): Promise<Record<Part, Stripe.Price>> {
  const found = await findPrices(stripe, of);
  if (found) return found;
  await setUpPrices(stripe, book);
  const made = await findPrices(stripe, of);
  if (!made) throw new Error(`the price book has no prices of ${of.plan}, version ${of.version}`);
  return made;
}

/** Meters by name, as they are at Stripe; undefined where one is missing. */
export async function findMeters(stripe: Stripe): Promise<Partial<Record<BilledMeter, Stripe.Billing.Meter>>> {
  const found: Partial<Record<BilledMeter, Stripe.Billing.Meter>> = {};
  for await (const meter of stripe.billing.meters.list({ status: "active", limit: 100 })) {
    const name = billedMeters.find((one) => meterUnits[one].eventName === meter.event_name);
    if (name) found[name] = meter;
  }
  return found;
}

async function ensureMeters(stripe: Stripe, made: string[]): Promise<Record<BilledMeter, Stripe.Billing.Meter>> {
  const found = await findMeters(stripe);
  const ensure = async (name: BilledMeter): Promise<Stripe.Billing.Meter> => {
    const known = found[name];
    const { eventName, title, label } = meterUnits[name];
    if (known) {
      // A meter without hour windows would add up what is sent again: it must not be used.
      if (known.event_time_window !== "hour" || known.default_aggregation.formula !== "sum")
        throw new Error(`Stripe's meter ${eventName} is not one of hour windows. Deactivate it, then run this again.`);
      return known;
    }
    made.push(`meter ${eventName}`);
    return stripe.billing.meters.create(
      {
        display_name: `${title} (${label})`,
        event_name: eventName,
        default_aggregation: { formula: "sum" },
        event_time_window: "hour",
        customer_mapping: { type: "by_id", event_payload_key: "stripe_customer_id" },
        value_settings: { event_payload_key: "value" },
      },
      { idempotencyKey: `setup:meter:${eventName}:${randomUUID()}` },
    );
  };
  return { requests: await ensure("requests"), cpu: await ensure("cpu"), egress: await ensure("egress") };
}

async function ensureProducts(stripe: Stripe, made: string[]): Promise<void> {
  for (const part of parts) {
    const id = productId(part);
    const isThere = await stripe.products.retrieve(id).then(
      () => true,
      (error: unknown) => {
        if (isMissing(error)) return false;
        throw error;
      },
    );
    if (isThere) continue;
    made.push(`product ${id}`);
    const label = part === "fee" ? {} : { unit_label: meterUnits[part].label };
    await stripe.products.create(
      { id, name: productNames[part], ...label },
      { idempotencyKey: `setup:product:${id}:${randomUUID()}` },
    );
  }
}

type PriceSetup = { book: PriceBook; meters: Record<BilledMeter, Stripe.Billing.Meter>; made: string[] };

async function ensurePrices(stripe: Stripe, { book, meters, made }: PriceSetup): Promise<void> {
  for (const version of book) {
    for (const plan of billedPlans(version)) {
      const of = { plan: plan.name, version: version.version };
      const keys = parts.map((part) => lookupKey({ ...of, part }));
      const { data } = await stripe.prices.list({ lookup_keys: keys, limit: 100 });
      const known = new Set(data.map((price) => price.lookup_key));
      for (const part of parts) {
        const key = lookupKey({ ...of, part });
        if (known.has(key)) continue;
        made.push(`price ${key}`);
        const request = priceRequest(plan, { part, version: version.version, meterId: meterOf(meters, part) });
        await stripe.prices.create(request, { idempotencyKey: `setup:price:${key}:${randomUUID()}` });
      }
    }
  }
}

function meterOf(meters: Record<BilledMeter, Stripe.Billing.Meter>, part: Part): string | null {
  return part === "fee" ? null : meters[part].id;
}

const PORTAL_MARK = "sluice_portal";

/** The portal that our customers are sent to: cards, addresses, invoices. Plans change with us, so that usage is settled first. */
export async function findPortal(stripe: Stripe): Promise<string | undefined> {
  for await (const one of stripe.billingPortal.configurations.list({ active: true, limit: 100 }))
    if (one.metadata?.[PORTAL_MARK] === "1") return one.id;
  return undefined;
}

async function ensurePortal(stripe: Stripe, made: string[]): Promise<void> {
  if ((await findPortal(stripe)) !== undefined) return;
  made.push("portal configuration");
  await stripe.billingPortal.configurations.create(
    {
      metadata: { [PORTAL_MARK]: "1" },
      features: {
        payment_method_update: { enabled: true },
        invoice_history: { enabled: true },
        customer_update: { enabled: true, allowed_updates: ["email", "address", "tax_id"] },
        subscription_cancel: { enabled: false },
        subscription_update: { enabled: false },
      },
    },
    { idempotencyKey: `setup:portal:${randomUUID()}` },
  );
}

async function ensureWebhook(stripe: Stripe, url: string, made: string[]): Promise<string | null> {
  for await (const endpoint of stripe.webhookEndpoints.list({ limit: 100 })) {
    if (endpoint.url !== url) continue;
    const wanted = new Set<string>(webhookTypes);
    const hasAll =
      endpoint.status === "enabled" && webhookTypes.every((type) => endpoint.enabled_events.includes(type));
    if (hasAll && endpoint.enabled_events.every((type) => wanted.has(type))) return null;
    made.push(`the events of webhook endpoint ${url}`);
    await stripe.webhookEndpoints.update(endpoint.id, { enabled_events: [...webhookTypes], disabled: false });
    return null;
  }
  made.push(`webhook endpoint ${url}`);
  const { secret = null } = await stripe.webhookEndpoints.create(
    { url, enabled_events: [...webhookTypes], api_version: API_VERSION, description: "Sluice" },
    { idempotencyKey: `setup:webhook:${randomUUID()}` },
  );
  return secret;
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "resource_missing";
}
