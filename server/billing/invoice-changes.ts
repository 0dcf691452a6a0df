import { recordAudit } from "#server/accounts/audit.ts";
import type { Db, Tx } from "#server/db/client.ts";
import type { Clock } from "#server/std/clock.ts";
import { Fault } from "#server/std/fault.ts";
import { asId, type Id } from "#server/std/id.ts";
import { checkStep, invoiceState, type InvoiceState } from "./invoice-state.ts";
import { lockOrganization } from "./plan-terms.ts";
import { post, type Entry } from "./postings.ts";

export type InvoiceStep = {
  number: string;
  to: Exclude<InvoiceState, "draft">;
  /** For the invoice's people: why it is held, void or uncollectible, or how it was paid. */
  reason: string;
  /** Null when no person did it: a payment that arrived. */
  userId: Id<"user"> | null;
  now: Date;
};

/** `changeInvoice` in a transaction of its own: for operators. */
export function stepInvoice(tools: { db: Db; clock: Clock }, step: Omit<InvoiceStep, "now">): Promise<void> {
  const now = new Date(tools.clock.nowMs());
  return tools.db.$transaction((tx) => changeInvoice(tx, { ...step, now }));
}

/**
 * Brings an issued invoice into another state, with the postings that follow, in the caller's transaction. A step that it is
 * in already changes nothing, so that an event may come twice. Throws a fault where there is no such invoice or step.
 */
export async function changeInvoice(tx: Tx, step: InvoiceStep): Promise<void> {
  const { number, to, reason, userId, now } = step;
  const found = await tx.invoice.findUnique({ where: { number }, select: { organizationId: true } });
  if (!found) throw new Fault("not_found", "There is no such invoice.");
  const organizationId = asId("organization", found.organizationId);
  await lockOrganization(tx, organizationId);
  const invoice = await tx.invoice.findUniqueOrThrow({
    where: { number },
    select: { id: true, state: true, totalCents: true, creditCents: true },
  });
  const from = invoiceState.parse(invoice.state);
  if (from === to) return;
  checkStep(from, to, number);
  const isSettled = to === "paid" || to === "void" || to === "uncollectible";
  await tx.invoice.update({
    where: { number },
    data: { state: to, reason, settledAt: isSettled ? now : null },
    select: { id: true },
  });
  await post(tx, { organizationId, invoiceId: invoice.id, entries: entriesOf(from, to, invoice), at: now });
  await recordAudit(tx, {
    organizationId,
    userId,
    action: `invoice.${to}`,
    subject: invoice.id,
    detail: { number, from, reason },
  });
}

/** What is expected stands on receivable while it is, and on bad_debt once it is not. Credits come back from a void invoice. */
function entriesOf(
  from: InvoiceState,
  to: InvoiceStep["to"],
  { totalCents, creditCents }: { totalCents: bigint; creditCents: bigint },
): Entry[] {
  const due = totalCents - creditCents;
  const expected = from === "uncollectible" ? "bad_debt" : "receivable";
  switch (to) {
    case "paid":
      return [
        { account: "cash", cents: due },
        { account: expected, cents: -due },
      ];
    case "void":
      return [
        { account: "revenue", cents: totalCents },
        { account: expected, cents: -due },
        { account: "credit", cents: -creditCents },
      ];
    case "uncollectible":
      return [
        { account: "bad_debt", cents: due },
        { account: "receivable", cents: -due },
      ];
    case "open":
    case "held":
      return [];
  }
}
