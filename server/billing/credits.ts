import { recordAudit } from "#server/accounts/audit.ts";
import type { Db, Tx } from "#server/db/client.ts";
import type { Clock } from "#server/std/clock.ts";
import { newId, type Id } from "#server/std/id.ts";
import { formatCents } from "#server/std/money.ts";
import { lockOrganization } from "./plan-terms.ts";
import { balance, post } from "./postings.ts";

export const CREDIT_CENTS_MAX = 10_000_000n;

export type CreditRow = { id: string; amount: string; reason: string; at: Date };

/** Gives an organization money that pays its next invoices, before anything else does. For operators. */
export function grantCredit(
  tools: { db: Db; clock: Clock },
  grant: { organizationId: Id<"organization">; userId: Id<"user">; cents: bigint; reason: string },
): Promise<void> {
  const { organizationId, userId, cents, reason } = grant;
  const at = new Date(tools.clock.nowMs());
  return tools.db.$transaction(async (tx) => {
    await lockOrganization(tx, organizationId);
    const id = newId("credit");
    await tx.credit.create({
      data: { id, organizationId, cents, reason, grantedBy: userId, at },
      select: { id: true },
    });
    const entries = [
      { account: "promotion", cents },
      { account: "credit", cents: -cents },
    ] as const;
    await post(tx, { organizationId, creditId: id, entries, at });
    const detail = { amount: formatCents(cents), reason };
    await recordAudit(tx, { organizationId, userId, action: "credit.granted", subject: id, detail });
  });
}

/** What is left of an organization's credits, in cents; never below zero. */
export async function creditLeft(db: Db | Tx, organizationId: Id<"organization">): Promise<bigint> {
  return -(await balance(db, { organizationId, account: "credit" }));
}

/** Credits that were given, newest first. */
export async function listCredits(db: Db, organizationId: Id<"organization">): Promise<CreditRow[]> {
  const rows = await db.credit.findMany({
    where: { organizationId },
    orderBy: { at: "desc" },
    take: 50,
    select: { id: true, cents: true, reason: true, at: true },
  });
  return rows.map(({ cents, ...row }) => ({ ...row, amount: formatCents(cents) }));
}
