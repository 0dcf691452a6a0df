import { z } from "zod";
import { recordAudit } from "#server/accounts/audit.ts";
import type { Db, Tx } from "#server/db/client.ts";
import { HOUR_MS, MINUTE_MS, type Clock } from "#server/std/clock.ts";
import { Fault } from "#server/std/fault.ts";
import type { Id } from "#server/std/id.ts";
import { decimalCents, parseCents } from "#server/std/money.ts";
import { firstVersion, meters, pricedPer, type Meter, type Plan, type Plans, type PriceBook } from "./price-book.ts";

const wholeNumber = z
  .string()
  .regex(/^\d{1,24}$/, "Give a whole number")
  .transform((text) => BigInt(text));

/** Cents with at most 12 places, as Stripe's unit_amount_decimal has them. */
const centsText = z
  .string()
  .regex(/^\d{1,9}(\.\d{1,12})?$/, "Give cents with at most 12 decimal places")
  .transform(parseCents);

const meterPrice = (meter: Meter) =>
  z.object({
    included: wholeNumber,
    price: centsText,
    per: wholeNumber.refine(
      (per) => per === pricedPer[meter],
      `One price of ${meter} is for ${pricedPer[meter]} units`,
    ),
  });

const planTerms = z.object({
  title: z.string().min(1).max(40),
  monthlyFee: centsText,
  overage: z.enum(["stops", "billed"]),
  meters: z.object({
    requests: meterPrice("requests"),
    cpu: meterPrice("cpu"),
    egress: meterPrice("egress"),
    storage: meterPrice("storage"),
  }),
});

/** The plans of a version as they are stored and sent: every number a decimal string, so that none passes through a float. */
export const plansText = z
  .object({ free: planTerms, pro: planTerms })
  .refine(({ free }) => free.overage === "stops" && free.monthlyFee === 0n, "Free costs nothing and stops")
  .refine(({ pro }) => pro.overage === "billed", "Pro bills what passes its included amounts")
  .transform(({ free, pro }): Plans => ({ free: { name: "free", ...free }, pro: { name: "pro", ...pro } }));
export type PlansText = z.input<typeof plansText>;

/** The inverse of `plansText`. */
export function textOfPlans(plans: Plans): PlansText {
  return { free: textOfPlan(plans.free), pro: textOfPlan(plans.pro) };
}

function textOfPlan({ title, monthlyFee, overage, meters: prices }: Plan): PlansText["free"] {
  const text = (meter: Meter) => {
    const { included, price, per } = prices[meter];
    return { included: String(included), price: decimalCents(price), per: String(per) };
  };
  const [requests, cpu, egress, storage] = meters.map(text);
  if (!requests || !cpu || !egress || !storage) throw new Error("a meter has no price");
  return { title, monthlyFee: decimalCents(monthlyFee), overage, meters: { requests, cpu, egress, storage } };
}

const columns = { version: true, effectiveAt: true, plans: true } as const;

/** The whole price book. An installation that has none yet gets the first version, by whoever asks first. */
export async function loadPriceBook(db: Db | Tx): Promise<PriceBook> {
  const [first, ...later] = await storedVersions(db);
  if (first) return [first, ...later];
  await db.priceVersion.createMany({
    data: [{ version: 1, effectiveAt: firstVersion.effectiveAt, plans: textOfPlans(firstVersion.plans) }],
    skipDuplicates: true,
  });
  const [seeded, ...rest] = await storedVersions(db);
  if (!seeded) throw new Error("the price book could not be seeded");
  return [seeded, ...rest];
}

async function storedVersions(db: Db | Tx) {
  const rows = await db.priceVersion.findMany({ orderBy: { effectiveAt: "asc" }, select: columns });
  return rows.map((row) => ({ ...row, currency: "usd" as const, plans: plansText.parse(row.plans) }));
}

/**
 * So long before a price version begins, budgets allow for it: leases that were taken before are given back by then, and no
 * call that the new prices make too dear begins under the old ones. Far more than it takes to renew everybody's budget.
 */
export const AHEAD_MS = MINUTE_MS;
/** Who adds a version leaves time for that. */
const NOTICE_MS = 2 * AHEAD_MS;

/**
 * Adds a version. It begins on a whole hour that is two minutes away or more, and after every version that is there, so that no hour
 * which was or is being rated changes its price.
 */
export async function addPriceVersion(
  tools: { db: Db; clock: Clock },
  request: { userId: Id<"user">; effectiveAt: Date; plans: Plans },
): Promise<{ version: number }> {
  const { userId, effectiveAt, plans } = request;
  const field = "effectiveAt";
  if (effectiveAt.getTime() % HOUR_MS !== 0) {
    throw new Fault("invalid", "A price version begins on a whole hour, UTC. Choose one.", { field });
  }
  return tools.db.$transaction(async (tx) => {
    await tx.$executeRaw`LOCK TABLE price_version IN SHARE ROW EXCLUSIVE MODE`;
    const newest = (await loadPriceBook(tx)).at(-1) ?? firstVersion;
    if (effectiveAt.getTime() < tools.clock.nowMs() + NOTICE_MS) {
      throw new Fault("invalid", "That hour has begun, or is about to. Choose a later one.", { field });
    }
    if (effectiveAt <= newest.effectiveAt) {
      const from = newest.effectiveAt.toISOString();
      throw new Fault("conflict", `Version ${newest.version} begins ${from}. Choose a later hour.`, { field });
    }
    const version = newest.version + 1;
    await tx.priceVersion.create({
      data: { version, effectiveAt, plans: textOfPlans(plans), createdBy: userId },
      select: { version: true },
    });
    await recordAudit(tx, {
      organizationId: null,
      userId,
      action: "price_version.added",
      subject: String(version),
      detail: { effectiveAt: effectiveAt.toISOString() },
    });
    return { version };
  });
}
