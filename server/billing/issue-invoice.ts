import { emailsOfAllowed } from "#server/accounts/membership.ts";
import { recordAudit } from "#server/accounts/audit.ts";
import type { Db, Tx } from "#server/db/client.ts";
import { queueMail } from "#server/mail/outbox.ts";
import { monthStart, nextMonthStart, type Clock } from "#server/std/clock.ts";
import { newId, type Id } from "#server/std/id.ts";
import { formatCents } from "#server/std/money.ts";
import { creditLeft } from "./credits.ts";
import { rowOfLine, type InvoiceLine } from "./invoice-line.ts";
import { isBilledMonth, lateLines, monthLines } from "./invoice-lines.ts";
import { takeInvoiceNumber } from "./invoice-number.ts";
import { invoiceMail } from "./invoice-words.ts";
import { lockOrganization, planTermsOf } from "./plan-terms.ts";
import { post } from "./postings.ts";
import { loadPriceBook } from "./price-versions.ts";
import { totalCents } from "./rating.ts";
import { billedUsage, billHours, unbilledHours, type UnbilledHour } from "./sealed-hours.ts";

export type MailTool = { billingUrl(organizationSlug: string): string };
type Tools = { db: Db; clock: Clock; mail: MailTool | null };
type Month = { from: Date; to: Date };
type Of = { organizationId: Id<"organization">; month: Month };

export type Issue = { kind: "issued" | "was_issued"; number: string } | { kind: "not_needed" };

const ISSUE_MS_MAX = 60_000;

/**
 * Issues an organization's invoice for a month whose hours are all sealed: number, lines, credits, postings and the hours
 * that it stands for, all of it or nothing. A month without a plan that bills has none, unless something late of an earlier
 * one costs something. Issued once, however often it is asked for.
 */
export function issueInvoice(tools: Tools, of: Of): Promise<Issue> {
  const issuedAt = new Date(tools.clock.nowMs());
  return tools.db.$transaction(
    async (tx): Promise<Issue> => {
      await lockOrganization(tx, of.organizationId);
      const key = { organizationId: of.organizationId, periodFrom: of.month.from };
      const where = { organizationId_periodFrom: key };
      const before = await tx.invoice.findUnique({ where, select: { number: true } });
      if (before?.number) return { kind: "was_issued", number: before.number };
      const { lines, hours, isBilled } = await drawUp(tx, of);
      if (!isBilled && totalCents(lines) === 0n) {
        await tx.invoice.deleteMany({ where: { ...key, state: "draft" } });
        return { kind: "not_needed" };
      }
      await createDrafts(tx, [of.organizationId], of.month);
      const { id: invoiceId } = await tx.invoice.findUniqueOrThrow({ where, select: { id: true } });
      const number = await issue(tx, { ...of, invoiceId, lines, issuedAt });
      await billHours(tx, { ...of, invoiceId, hours });
      if (tools.mail) await mailInvoice(tx, { ...of, number, lines, issuedAt, mail: tools.mail });
      return { kind: "issued", number };
    },
    { timeout: ISSUE_MS_MAX },
  );
}

/** Rows for a month that is over and not sealed yet, so that people see that an invoice is to come. */
export async function createDrafts(tx: Tx | Db, ids: readonly Id<"organization">[], month: Month): Promise<void> {
  await tx.invoice.createMany({
    data: ids.map((organizationId) => ({
      id: newId("invoice"),
      organizationId,
      periodFrom: month.from,
      periodTo: month.to,
      state: "draft",
    })),
    skipDuplicates: true,
  });
}

async function drawUp(tx: Tx, of: Of): Promise<{ lines: InvoiceLine[]; hours: UnbilledHour[]; isBilled: boolean }> {
  const { organizationId, month } = of;
  const rules = { terms: await planTermsOf(tx, organizationId), book: await loadPriceBook(tx) };
  const hours = await unbilledHours(tx, of);
  const isBilled = isBilledMonth(month, rules);
  const current = hours.filter(({ hourAt }) => hourAt >= month.from);
  const lines: InvoiceLine[] = isBilled ? monthLines(month, current, rules) : [];
  const late = Map.groupBy(
    hours.filter(({ hourAt }) => hourAt < month.from),
    ({ hourAt }) => monthStart(hourAt).getTime(),
  );
  for (const [monthMs, lateHours] of late) {
    const at = new Date(monthMs);
    const billed = await billedUsage(tx, { organizationId, from: at, to: nextMonthStart(at) });
    lines.push(...lateLines(at, { billed, late: lateHours }, rules));
  }
  return { lines, hours: isBilled ? hours : hours.filter(({ hourAt }) => hourAt < month.from), isBilled };
}

async function issue(
  tx: Tx,
  of: Of & { invoiceId: string; lines: readonly InvoiceLine[]; issuedAt: Date },
): Promise<string> {
  const { organizationId, invoiceId, lines, issuedAt } = of;
  const total = totalCents(lines);
  const left = await creditLeft(tx, organizationId);
  const credit = left < total ? left : total;
  const number = await takeInvoiceNumber(tx, issuedAt);
  const seal = await tx.usageSeal.findFirst({
    where: { organizationId },
    orderBy: { number: "desc" },
    select: { hash: true },
  });
  await tx.invoice.update({
    where: { id: invoiceId },
    data: {
      number,
      issuedAt,
      totalCents: total,
      creditCents: credit,
      sealHash: seal?.hash ?? "",
      ...(credit === total ? { state: "paid", settledAt: issuedAt, reason: paidByItself(total) } : { state: "open" }),
    },
    select: { id: true },
  });
  await tx.invoiceLine.createMany({
    data: lines.map((line, index) => ({ invoiceId, position: index + 1, ...rowOfLine(line) })),
  });
  const entries = [
    { account: "receivable", cents: total - credit },
    { account: "credit", cents: credit },
    { account: "revenue", cents: -total },
  ] as const;
  await post(tx, { organizationId, invoiceId, entries, at: issuedAt });
  const detail = { number, total: formatCents(total), credit: formatCents(credit) };
  await recordAudit(tx, { organizationId, userId: null, action: "invoice.issued", subject: invoiceId, detail });
  return number;
}

function paidByItself(total: bigint): string {
  return total === 0n ? "Nothing was due." : "Paid by credits.";
}

async function mailInvoice(
  tx: Tx,
  of: Of & { number: string; lines: readonly InvoiceLine[]; issuedAt: Date; mail: MailTool },
): Promise<void> {
  const { organizationId, number, month, issuedAt } = of;
  const organization = await tx.organization.findUniqueOrThrow({
    where: { id: organizationId },
    select: { name: true, slug: true },
  });
  const {
    totalCents: total,
    creditCents: credit,
    sealHash,
  } = await tx.invoice.findUniqueOrThrow({
    where: { number },
    select: { totalCents: true, creditCents: true, sealHash: true },
  });
  const url = `${of.mail.billingUrl(organization.slug)}/invoices/${number}`;
  const message = invoiceMail({
    organizationName: organization.name,
    number,
    month: month.from,
    total,
    credit,
    sealHash,
    url,
  });
  for (const to of await emailsOfAllowed(tx, { organizationId, permission: "billing:read" }))
    await queueMail(tx, { to, ...message, now: issuedAt });
}
