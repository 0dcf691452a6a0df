import { z } from "zod";
import { formatDecimal, parseDecimal, type Tier } from "./amounts.ts";
import type { Endpoints } from "./endpoints.ts";
import { emit } from "./events.ts";
import {
  expand,
  expandable,
  flag,
  listAnswer,
  mergeMetadata,
  metadata,
  page,
  pageOf,
  read,
  text,
  texts,
} from "./reading.ts";
import { missing, Refusal } from "./refusal.ts";
import type { Wire } from "./shape.ts";
import type { Price, Product, World } from "./world.ts";

export function priceOf(world: World, id: string, param = "price"): Price {
  const price = world.prices.get(id);
  if (!price) throw missing("price", id, param);
  return price;
}

export function isMetered(price: Price): boolean {
  return price.recurring?.meter != null;
}

function productAnswer(product: Product): { [name: string]: Wire } {
  return {
    id: product.id,
    object: "product",
    active: true,
    created: product.created,
    description: null,
    livemode: false,
    metadata: product.metadata,
    name: product.name,
    unit_label: product.unitLabel,
  };
}

export function priceAnswer(price: Price, withTiers = false): { [name: string]: Wire } {
  const tiers = price.tiers?.map(({ upTo, unit, flat }) => ({
    up_to: upTo === "inf" ? null : Number(upTo),
    unit_amount: null,
    unit_amount_decimal: formatDecimal(unit),
    flat_amount: null,
    flat_amount_decimal: flat === 0n ? null : formatDecimal(flat),
  }));
  return {
    id: price.id,
    object: "price",
    active: price.isActive,
    billing_scheme: price.tiers ? "tiered" : "per_unit",
    created: price.created,
    currency: "usd",
    livemode: false,
    lookup_key: price.lookupKey,
    metadata: price.metadata,
    nickname: price.nickname,
    product: price.product,
    recurring: price.recurring && {
      interval: "month",
      interval_count: 1,
      meter: price.recurring.meter,
      trial_period_days: null,
      usage_type: price.recurring.meter === null ? "licensed" : "metered",
    },
    tiers_mode: price.tiersMode,
    transform_quantity: null,
    type: price.recurring ? "recurring" : "one_time",
    unit_amount: null,
    unit_amount_decimal: price.unit === null ? null : formatDecimal(price.unit),
    ...(withTiers && tiers ? { tiers } : {}),
  };
}

const tier = z.strictObject({
  up_to: z.union([z.literal("inf"), z.coerce.bigint()]),
  unit_amount: text.optional(),
  unit_amount_decimal: text.optional(),
  flat_amount: text.optional(),
  flat_amount_decimal: text.optional(),
});

function tiersOf(given: z.infer<typeof tier>[]): Tier[] {
  const tiers = given.map((one): Tier => ({
    upTo: one.up_to,
    unit: parseDecimal(one.unit_amount_decimal ?? one.unit_amount ?? "0"),
    flat: parseDecimal(one.flat_amount_decimal ?? one.flat_amount ?? "0"),
  }));
  const ends = tiers.map(({ upTo }) => upTo);
  if (ends.at(-1) !== "inf" || ends.slice(0, -1).includes("inf"))
    throw new Refusal(400, "The last tier, and no other, must have `up_to` set to `inf`.", { param: "tiers" });
  const finite = ends.filter((end): end is bigint => end !== "inf");
  const rises = finite.every((end, index) => end > (finite[index - 1] ?? 0n));
  if (!rises) throw new Refusal(400, "Tiers must be given in ascending order of `up_to`.", { param: "tiers" });
  return tiers;
}

const priceFields = {
  currency: z.literal("usd"),
  product: text,
  recurring: z
    .strictObject({
      interval: z.literal("month"),
      usage_type: z.enum(["metered", "licensed"]).optional(),
      meter: text.optional(),
    })
    .optional(),
  unit_amount: text.optional(),
  unit_amount_decimal: text.optional(),
  billing_scheme: z.enum(["per_unit", "tiered"]).optional(),
  tiers_mode: z.enum(["graduated", "volume"]).optional(),
  tiers: z.array(tier).optional(),
  lookup_key: text.optional(),
  transfer_lookup_key: flag.optional(),
  nickname: text.optional(),
  metadata: metadata.optional(),
};

function checkAmounts(given: {
  tiers?: unknown;
  unit_amount?: unknown;
  unit_amount_decimal?: unknown;
  billing_scheme?: unknown;
  tiers_mode?: unknown;
}): void {
  const isTiered = given.billing_scheme === "tiered";
  const hasUnit = given.unit_amount !== undefined || given.unit_amount_decimal !== undefined;
  if (isTiered !== (given.tiers !== undefined) || isTiered !== (given.tiers_mode !== undefined) || isTiered === hasUnit)
    throw new Refusal(
      400,
      "A tiered price has `tiers` and `tiers_mode`, any other has `unit_amount` or `unit_amount_decimal`.",
      {
        param: "billing_scheme",
      },
    );
}

function meterOf(
  world: World,
  recurring: { usage_type?: string | undefined; meter?: string | undefined } | undefined,
): string | null {
  const meter = recurring?.meter ?? null;
  if ((recurring?.usage_type === "metered") !== (meter !== null))
    throw new Refusal(400, "A metered price names its meter, and only a metered price does.", {
      param: "recurring[meter]",
    });
  if (meter !== null && world.meters.get(meter)?.isActive !== true) throw missing("meter", meter, "recurring[meter]");
  return meter;
}

function takeLookupKey(world: World, key: string, transfers: boolean): void {
  const holder = [...world.prices.values()].find((price) => price.lookupKey === key);
  if (!holder) return;
  if (!transfers)
    throw new Refusal(400, `A price (\`${holder.id}\`) already uses that lookup key.`, { param: "lookup_key" });
  holder.lookupKey = null;
}

type PriceNames = Pick<Price, "lookupKey" | "nickname" | "metadata" | "tiersMode">;

function namesOf(given: z.infer<z.ZodObject<typeof priceFields>>): PriceNames {
  return {
    lookupKey: given.lookup_key ?? null,
    nickname: given.nickname ?? null,
    metadata: given.metadata ?? {},
    tiersMode: given.tiers_mode ?? null,
  };
}

export const catalogEndpoints: Endpoints = {
  "POST /v1/products": ({ world, form }) => {
    const given = read(form, {
      name: text,
      id: text.optional(),
      metadata: metadata.optional(),
      unit_label: text.optional(),
    });
    const id = given.id ?? world.newId("prod");
    if (world.products.has(id))
      throw new Refusal(400, `Product already exists.`, { code: "resource_already_exists", param: "id" });
    const product = {
      id,
      created: world.now,
      name: given.name,
      metadata: given.metadata ?? {},
      unitLabel: given.unit_label ?? null,
    };
    world.products.set(id, product);
    emit(world, "product.created", productAnswer(product));
    return productAnswer(product);
  },
  "GET /v1/products/{}": ({ world, ids: [id = ""], form }) => {
    read(form, { expand });
    const product = world.products.get(id);
    if (!product) throw missing("product", id);
    return productAnswer(product);
  },
  "POST /v1/products/{}": ({ world, ids: [id = ""], form }) => {
    const given = read(form, { name: text.optional(), metadata: metadata.optional(), unit_label: text.optional() });
    const product = world.products.get(id);
    if (!product) throw missing("product", id);
    product.name = given.name ?? product.name;
    product.unitLabel = given.unit_label ?? product.unitLabel;
    mergeMetadata(product.metadata, given.metadata);
    return productAnswer(product);
  },
  "POST /v1/prices": ({ world, form }) => {
    const given = read(form, priceFields);
    if (!world.products.has(given.product)) throw missing("product", given.product, "product");
    checkAmounts(given);
    const meter = meterOf(world, given.recurring);
    if (given.lookup_key !== undefined) takeLookupKey(world, given.lookup_key, given.transfer_lookup_key === true);
    const unit = given.unit_amount_decimal ?? given.unit_amount;
    const price: Price = {
      ...namesOf(given),
      id: world.newId("price"),
      created: world.now,
      product: given.product,
      isActive: true,
      recurring: given.recurring ? { meter } : null,
      unit: unit === undefined ? null : parseDecimal(unit),
      tiers: given.tiers ? tiersOf(given.tiers) : null,
    };
    world.prices.set(price.id, price);
    emit(world, "price.created", priceAnswer(price));
    return priceAnswer(price);
  },
  "GET /v1/prices": ({ world, form }) => {
    const given = read(form, {
      ...page,
      expand: expandable("data.tiers"),
      lookup_keys: texts.max(10).optional(),
      active: flag.optional(),
      product: text.optional(),
    });
    const all = [...world.prices.values()].filter(
      (price) =>
        price.isActive === (given.active ?? true) &&
        (given.product === undefined || price.product === given.product) &&
        (given.lookup_keys === undefined || (price.lookupKey !== null && given.lookup_keys.includes(price.lookupKey))),
    );
    const { items, hasMore } = pageOf(all.toReversed(), given);
    const withTiers = given.expand?.includes("data.tiers") === true;
    return listAnswer(
      items.map((price) => priceAnswer(price, withTiers)),
      "/v1/prices",
      hasMore,
    );
  },
  "GET /v1/prices/{}": ({ world, ids: [id = ""], form }) => {
    const { expand: expanded } = read(form, { expand: expandable("tiers") });
    return priceAnswer(priceOf(world, id, "id"), expanded?.includes("tiers") === true);
  },
  // Amounts can't be changed: there is no parameter for them.
  "POST /v1/prices/{}": ({ world, ids: [id = ""], form }) => {
    const given = read(form, { active: flag.optional(), nickname: text.optional(), metadata: metadata.optional() });
    const price = priceOf(world, id, "id");
    price.isActive = given.active ?? price.isActive;
    mergeMetadata(price.metadata, given.metadata);
    return priceAnswer(price);
  },
};
