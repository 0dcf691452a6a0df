import { lineColumns, lineOfRow } from "#server/billing/invoice-line.ts";
import { invoiceState } from "#server/billing/invoice-state.ts";
import type { Db } from "#server/db/client.ts";
import { monthStart, nextMonthStart } from "#server/std/clock.ts";
import type { Id } from "#server/std/id.ts";
import { parts, type Part } from "./catalog.ts";
import { mirroredLines, type MirroredLine } from "./invoice-mirror.ts";
import type { OurMonth, TheirMonth } from "./month-account.ts";

type Of = { organizationId: Id<"organization">; until: Date };

function nothing(): Record<Part, bigint> {
  return { fee: 0n, requests: 0n, cpu: 0n, egress: 0n };
}

/** Our issued invoices of the months before `until`, oldest first; void ones ask for nothing. */
export async function ourMonths(db: Db, { organizationId, until }: Of): Promise<OurMonth[]> {
  const rows = await db.invoice.findMany({
    where: { organizationId, periodFrom: { lt: until }, number: { not: null } },
    orderBy: { periodFrom: "asc" },
    select: { periodFrom: true, state: true, creditCents: true, lines: { select: lineColumns } },
  });
  return rows
    .filter(({ state }) => invoiceState.parse(state) !== "void")
    .map(({ periodFrom, creditCents, lines }) => {
      const ours: OurMonth = { monthAt: periodFrom, month: nothing(), lateCents: 0n, creditCents };
      for (const row of lines) {
        const line = lineOfRow(row);
        const part = line.kind === "fee" ? "fee" : parts.find((one) => one === line.meter);
        if (line.kind === "late") ours.lateCents += line.cents;
        else if (part) ours.month[part] += line.cents;
        else if (line.cents !== 0n) throw new Error(`a line of ${line.kind} that Stripe can't charge`);
      }
      return ours;
    });
}

/**
 * What stands on Stripe's invoices for each month before `until`. A fee belongs to the month that it is for, and was charged
 * ahead; usage to the month in which it was; what we added to put a month right to the month that its mark names.
 */
export async function theirMonths(db: Db, { organizationId, until }: Of): Promise<Map<number, TheirMonth>> {
  const rows = await db.stripeInvoice.findMany({
    where: { organizationId, status: { not: "void" } },
    orderBy: { createdAt: "asc" },
    select: { lines: true },
  });
  const months = new Map<number, TheirMonth>();
  for (const line of rows.flatMap((row) => mirroredLines.parse(row.lines))) {
    const monthAt = monthOf(line);
    if (monthAt === null || monthAt >= until) continue;
    const theirs = months.get(monthAt.getTime()) ?? { monthAt, month: nothing(), settledCents: 0n };
    if (line.part) theirs.month[line.part] += line.cents;
    else theirs.settledCents += line.cents;
    months.set(monthAt.getTime(), theirs);
  }
  return months;
}

/** Amounts that somebody added at Stripe by hand belong to no month of ours. */
function monthOf({ part, from, settles }: MirroredLine): Date | null {
  if (part !== null) return monthStart(from);
  const month = /^\d{4}-\d{2}/.exec(settles ?? "")?.[0];
  return month === undefined ? null : new Date(`${month}-01T00:00:00Z`);
}

export function emptyMonth(monthAt: Date): TheirMonth {
  return { monthAt, month: nothing(), settledCents: 0n };
}

/** The month that an invoice ends. */
export function monthClosedBy({ periodTo }: { periodTo: Date }): { from: Date; to: Date } {
  const from = monthStart(new Date(periodTo.getTime() - 1));
  return { from, to: nextMonthStart(from) };
}
