import { z } from "zod";
import { customerOf } from "./customers.ts";
import type { Endpoints } from "./endpoints.ts";
import { emit } from "./events.ts";
import { bigInteger, integer, listAnswer, metadata, page, pageOf, read, text } from "./reading.ts";
import { missing, Refusal } from "./refusal.ts";
import type { Wire } from "./shape.ts";
import type { CreditGrant, InvoiceLine, World } from "./world.ts";

const amountOf = (cents: bigint): Wire => ({ type: "monetary", monetary: { currency: "usd", value: Number(cents) } });

function grantAnswer(grant: CreditGrant): { [name: string]: Wire } {
  return {
    id: grant.id,
    object: "billing.credit_grant",
    amount: amountOf(grant.cents),
    applicability_config: { scope: { price_type: "metered" } },
    category: grant.category,
    created: grant.created,
    customer: grant.customer,
    effective_at: grant.created,
    expires_at: grant.expiresAt,
    livemode: false,
    metadata: grant.metadata,
    name: grant.name,
    priority: grant.priority,
    updated: grant.created,
    voided_at: grant.voidedAt,
  };
}

function usable(world: World, customer: string): CreditGrant[] {
  return [...world.creditGrants.values()]
    .filter(
      (grant) =>
        grant.customer === customer &&
        grant.voidedAt === null &&
        (grant.expiresAt === null || grant.expiresAt > world.now) &&
        grant.leftCents > 0n,
    )
    .toSorted((a, b) => a.priority - b.priority || a.created - b.created);
}

/** Takes grants off the metered lines of an invoice that is being finalized; fees and what was set aside are paid in full. */
export function drawCredits(world: World, customer: string, lines: readonly InvoiceLine[]): InvoiceLine[] {
  const grants = usable(world, customer);
  return lines.map((line) => {
    if (line.from.kind !== "subscription" || !line.from.isMetered) return line;
    let creditedCents = 0n;
    for (const grant of grants) {
      const open = line.cents - creditedCents;
      const drawn = open < grant.leftCents ? open : grant.leftCents;
      grant.leftCents -= drawn;
      creditedCents += drawn;
    }
    return { ...line, creditedCents };
  });
}

const scope = z.strictObject({ scope: z.strictObject({ price_type: z.literal("metered") }) });

export const creditEndpoints: Endpoints = {
  "POST /v1/billing/credit_grants": ({ world, form }) => {
    const given = read(form, {
      customer: text,
      amount: z.strictObject({
        type: z.literal("monetary"),
        monetary: z.strictObject({ currency: z.literal("usd"), value: bigInteger }),
      }),
      applicability_config: scope,
      category: z.enum(["promotional", "paid"]).optional(),
      name: text.optional(),
      metadata: metadata.optional(),
      expires_at: integer.optional(),
      priority: integer.min(0).max(100).optional(),
    });
    customerOf(world, given.customer);
    const cents = given.amount.monetary.value;
    if (cents <= 0n) throw new Refusal(400, "The amount must be positive.", { param: "amount[monetary][value]" });
    const grant: CreditGrant = {
      id: world.newId("credgr"),
      created: world.now,
      customer: given.customer,
      cents,
      leftCents: cents,
      category: given.category ?? "paid",
      name: given.name ?? null,
      metadata: given.metadata ?? {},
      expiresAt: given.expires_at ?? null,
      voidedAt: null,
      priority: given.priority ?? 50,
    };
    world.creditGrants.set(grant.id, grant);
    emit(world, "billing.credit_grant.created", grantAnswer(grant));
    return grantAnswer(grant);
  },
  "GET /v1/billing/credit_grants": ({ world, form }) => {
    const given = read(form, { ...page, customer: text.optional() });
    const all = [...world.creditGrants.values()].filter(
      (one) => given.customer === undefined || one.customer === given.customer,
    );
    const { items, hasMore } = pageOf(all.toReversed(), given);
    return listAnswer(items.map(grantAnswer), "/v1/billing/credit_grants", hasMore);
  },
  "POST /v1/billing/credit_grants/{}/void": ({ world, ids: [id = ""], form }) => {
    read(form, {});
    const grant = world.creditGrants.get(id);
    if (!grant) throw missing("credit grant", id);
    if (grant.leftCents !== grant.cents) throw new Refusal(400, "A grant that was drawn on can't be voided.");
    grant.voidedAt = world.now;
    return grantAnswer(grant);
  },
  "GET /v1/billing/credit_balance_summary": ({ world, form }) => {
    const given = read(form, {
      customer: text,
      filter: z.strictObject({
        type: z.literal("applicability_scope"),
        applicability_scope: z.strictObject({ price_type: z.literal("metered") }),
      }),
    });
    const left = usable(world, given.customer).reduce((sum, grant) => sum + grant.leftCents, 0n);
    return {
      object: "billing.credit_balance_summary",
      balances: [{ available_balance: amountOf(left), ledger_balance: amountOf(left) }],
      customer: given.customer,
      livemode: false,
    };
  },
};
