import type { Db, Tx } from "#server/db/client.ts";
import { newId, type Id } from "#server/std/id.ts";

/**
 * Where an organization's money stands, debits positive. receivable: what it owes. revenue: what was invoiced. credit: what
 * was given to it and is not spent yet (negative). promotion: what giving it cost us. cash: what it paid. bad_debt: what we
 * no longer expect.
 */
export type Account = "receivable" | "revenue" | "credit" | "promotion" | "cash" | "bad_debt";

export type Entry = { account: Account; cents: bigint };

/** Writes one transaction: its entries add up to zero, or the database refuses it when the caller's transaction ends. */
export async function post(
  tx: Tx,
  of: {
    organizationId: Id<"organization">;
    invoiceId?: string;
    creditId?: string;
    entries: readonly Entry[];
    at: Date;
  },
): Promise<void> {
  const { entries, ...shared } = of;
  const moved = entries.filter(({ cents }) => cents !== 0n);
  if (moved.length === 0) return;
  const transactionId = newId("transaction");
  await tx.posting.createMany({ data: moved.map((entry) => ({ ...shared, ...entry, transactionId })) });
}

/** What stands on an account of an organization. */
export async function balance(
  db: Db | Tx,
  of: { organizationId: Id<"organization">; account: Account },
): Promise<bigint> {
  const { _sum } = await db.posting.aggregate({ where: of, _sum: { cents: true } });
  return _sum.cents ?? 0n;
}
