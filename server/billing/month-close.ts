import { isTenant, tenantsOnly } from "#server/accounts/temporary-organization.ts";
import type { Db } from "#server/db/client.ts";
import { isSealed } from "#server/metering/seals.ts";
import { monthStart, nextMonthStart, type Clock } from "#server/std/clock.ts";
import { asId, type Id } from "#server/std/id.ts";
import { readMark, setMark } from "./billing-mark.ts";
import { isBilledMonth } from "./invoice-lines.ts";
import { createDrafts, issueInvoice, type MailTool } from "./issue-invoice.ts";
import { loadPlanTerms } from "./plan-terms.ts";
import { loadPriceBook } from "./price-versions.ts";

const MARK = "months closed until";

type Tools = { db: Db; clock: Clock; mail: MailTool | null };

/**
 * Closes months that are over: first a draft for each organization that will get an invoice, and as soon as all its hours of
 * the month are sealed, the invoice. One month after the other, oldest first. Any number of consoles may do so at once; what
 * was cut off is gone on with. An organization that is not sealed, or whose invoice can't be issued, holds up no other; the
 * month stays open for it, and trouble is thrown at the end. Returns how many invoices were issued.
 */
export async function closeMonths(tools: Tools): Promise<number> {
  const now = new Date(tools.clock.nowMs());
  let issued = 0;
  for (let month = await firstOpenMonth(tools.db); month && month.to <= now; month = monthAfter(month)) {
    const ids = await concerned(tools.db, month);
    await makeDrafts(tools.db, ids, month);
    const closed = await issueAll(tools, ids, month);
    issued += closed.issued;
    if (closed.isWaiting) break;
    await setMark(tools.db, MARK, month.to);
  }
  return issued;
}

type Month = { from: Date; to: Date };

function monthAfter({ to }: Month): Month {
  return { from: to, to: nextMonthStart(to) };
}

async function firstOpenMonth(db: Db): Promise<Month | null> {
  const mark = await readMark(db, MARK);
  if (mark) return { from: mark, to: nextMonthStart(mark) };
  const { _min } = await db.organization.aggregate({ where: tenantsOnly, _min: { createdAt: true } });
  return _min.createdAt && { from: monthStart(_min.createdAt), to: nextMonthStart(_min.createdAt) };
}

/** Those who may have had a plan that bills, and those whose earlier invoices something late may follow. */
async function concerned(db: Db, month: Month): Promise<Id<"organization">[]> {
  const rows = await db.$queryRaw<{ id: string }[]>`
    SELECT id FROM organization WHERE plan = 'pro' AND created_at < ${month.to} AND ${isTenant}
    UNION SELECT organization_id FROM plan_term WHERE plan = 'pro' AND from_at < ${month.to}
    UNION SELECT organization_id FROM invoice WHERE period_from <= ${month.from}
    ORDER BY id`;
  return rows.map(({ id }) => asId("organization", id));
}

async function makeDrafts(db: Db, ids: readonly Id<"organization">[], month: Month): Promise<void> {
  const [terms, book] = [await loadPlanTerms(db, ids), await loadPriceBook(db)];
  const billed = ids.filter((id) => {
    const own = terms.get(id);
    return own !== undefined && isBilledMonth(month, { terms: own, book });
  });
  await createDrafts(db, billed, month);
}

async function issueAll(
  tools: Tools,
  ids: readonly Id<"organization">[],
  month: Month,
): Promise<{ issued: number; isWaiting: boolean }> {
  const outcome = { issued: 0, isWaiting: false };
  const troubles: unknown[] = [];
  for (const organizationId of ids) {
    try {
      if (!(await isSealed(tools, { organizationId, ...month }))) outcome.isWaiting = true;
      else if ((await issueInvoice(tools, { organizationId, month })).kind === "issued") outcome.issued += 1;
    } catch (thrown) {
      troubles.push(new Error(`the invoice of ${organizationId} could not be issued`, { cause: thrown }));
    }
  }
  if (troubles.length > 0) throw new AggregateError(troubles, `${troubles.length} invoices could not be issued`);
  return outcome;
}
