import type Stripe from "stripe";
import { z } from "zod";
import { loadPriceBook } from "#server/billing/price-versions.ts";
import type { Id } from "#server/std/id.ts";
import { parts, priceMeanings } from "./catalog.ts";
import { organizationOf } from "./customer.ts";
import { priceIdOf } from "./preview.ts";
import { fromSeconds, idOf, nowOf, type StripeTools } from "./tools.ts";

const wholeCents = z
  .string()
  .regex(/^-?\d+$/)
  .transform(BigInt);

/** A line as it is kept: amounts as texts, since JSON's numbers are floats. */
const mirroredLine = z.object({
  /** The fee or a meter; null for what is neither, such as an amount that we or somebody at Stripe added. */
  part: z.enum(parts).nullable(),
  cents: wholeCents,
  from: z.coerce.date(),
  to: z.coerce.date(),
  description: z.string(),
  /** The month whose sum it puts right, where we added it. */
  settles: z.string().nullable(),
});
export const mirroredLines = z.array(mirroredLine);
export type MirroredLine = z.infer<typeof mirroredLine>;

/** Written on the invoice items that we add. */
export const SETTLES_MARK = "sluice_settles";

export type InvoiceRow = {
  invoiceId: string;
  organizationId: string;
  subscriptionId: string | null;
  status: string;
  reason: string;
  periodFrom: Date;
  periodTo: Date;
  createdAt: Date;
  finalizesAt: Date | null;
  heldBecause: string | null;
  overdueSince: Date | null;
  /** Of its metered lines; null where it has none. */
  priceVersion: number | null;
  /** Since when all that our invoices say is on it or on an earlier one. */
  closedAt: Date | null;
};

export const invoiceColumns = {
  invoiceId: true,
  organizationId: true,
  subscriptionId: true,
  status: true,
  reason: true,
  periodFrom: true,
  periodTo: true,
  createdAt: true,
  finalizesAt: true,
  heldBecause: true,
  overdueSince: true,
  priceVersion: true,
  closedAt: true,
} as const;

/** Fetches an invoice with all its lines and writes it down as it is now. Null for one of somebody else. */
export async function mirrorInvoice(tools: StripeTools, invoiceId: string): Promise<InvoiceRow | null> {
  const invoice = await tools.stripe.invoices.retrieve(invoiceId);
  const organizationId = await organizationOf(tools, idOf(invoice.customer));
  if (organizationId === null) return null;
  return writeInvoice(tools, { invoice, organizationId, ...(await linesOf(tools, invoice)) });
}

async function writeInvoice(
  tools: StripeTools,
  of: { invoice: Stripe.Invoice; organizationId: Id<"organization"> } & Read,
): Promise<InvoiceRow> {
  const { invoice, organizationId, lines, priceVersion } = of;
  const { id: invoiceId, status } = invoice;
  const now = nowOf(tools);
  const isOverdue = status === "open" && invoice.attempted;
  const before = await tools.db.stripeInvoice.findUnique({ where: { invoiceId }, select: { overdueSince: true } });
  const data = {
    organizationId,
    subscriptionId: idOf(invoice.parent?.subscription_details?.subscription),
    number: invoice.number,
    status: status ?? "draft",
    reason: invoice.billing_reason ?? "manual",
    periodFrom: fromSeconds(invoice.period_start),
    periodTo: fromSeconds(invoice.period_end),
    totalCents: BigInt(invoice.total),
    lines,
    priceVersion,
    url: invoice.hosted_invoice_url ?? null,
    pdfUrl: invoice.invoice_pdf ?? null,
    finalizesAt: invoice.automatically_finalizes_at === null ? null : fromSeconds(invoice.automatically_finalizes_at),
    overdueSince: isOverdue ? (before?.overdueSince ?? now) : null,
    createdAt: fromSeconds(invoice.created),
    fetchedAt: now,
  };
  return tools.db.stripeInvoice.upsert({
    where: { invoiceId },
    create: { invoiceId, ...data },
    update: data,
    select: invoiceColumns,
  });
}

type Mirrored = Record<"cents" | "from" | "to" | "description", string> & {
  part: MirroredLine["part"];
  settles: string | null;
};

type Read = { lines: Mirrored[]; priceVersion: number | null };

async function linesOf(tools: StripeTools, invoice: Stripe.Invoice): Promise<Read> {
  const meanings = await priceMeanings(tools.stripe, await loadPriceBook(tools.db));
  const lines: Stripe.InvoiceLineItem[] = [];
  if (invoice.lines.has_more)
    for await (const line of tools.stripe.invoices.listLineItems(invoice.id, { limit: 100 })) lines.push(line);
  else lines.push(...invoice.lines.data);
  const metered = lines.map((line) => meanings.get(priceIdOf(line) ?? "")).find((one) => one && one.part !== "fee");
  const mirrored = lines.map((line) => ({
    part: meanings.get(priceIdOf(line) ?? "")?.part ?? null,
    cents: String(line.amount),
    from: fromSeconds(line.period.start).toISOString(),
    to: fromSeconds(line.period.end).toISOString(),
    description: line.description ?? "",
    settles: line.metadata[SETTLES_MARK] ?? null,
  }));
  return { lines: mirrored, priceVersion: metered?.version ?? null };
}

/** The lines of an invoice as they were fetched last. */
export async function mirroredLinesOf({ db }: Pick<StripeTools, "db">, invoiceId: string): Promise<MirroredLine[]> {
  const row = await db.stripeInvoice.findUnique({ where: { invoiceId }, select: { lines: true } });
  return mirroredLines.parse(row?.lines ?? []);
}
