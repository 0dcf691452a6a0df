import type { Db } from "#server/db/client.ts";
import { Fault } from "#server/std/fault.ts";
import type { Id } from "#server/std/id.ts";
import { lineColumns, lineOfRow, type InvoiceLine } from "./invoice-line.ts";
import { invoiceState, type InvoiceState } from "./invoice-state.ts";

const INVOICES_SHOWN = 60;

export type InvoiceHead = {
  /** Null while it is a draft. */
  number: string | null;
  state: InvoiceState;
  reason: string;
  from: Date;
  to: Date;
  totalCents: bigint;
  creditCents: bigint;
  issuedAt: Date | null;
  settledAt: Date | null;
};

export type IssuedInvoice = InvoiceHead & {
  id: string;
  number: string;
  issuedAt: Date;
  sealHash: string;
  lines: (InvoiceLine & { position: number })[];
};

const headColumns = {
  id: true,
  number: true,
  state: true,
  reason: true,
  periodFrom: true,
  periodTo: true,
  totalCents: true,
  creditCents: true,
  issuedAt: true,
  settledAt: true,
} as const;

type HeadRow = Omit<InvoiceHead, "state" | "from" | "to"> & { state: string; periodFrom: Date; periodTo: Date };

function headOf({ periodFrom, periodTo, state, ...row }: HeadRow): InvoiceHead {
  const { number, reason, totalCents, creditCents, issuedAt, settledAt } = row;
  const money = { totalCents, creditCents, issuedAt, settledAt };
  return { number, reason, state: invoiceState.parse(state), from: periodFrom, to: periodTo, ...money };
}

/** An organization's invoices, newest month first, drafts among them. */
export async function listInvoices(db: Db, organizationId: Id<"organization">): Promise<InvoiceHead[]> {
  const rows = await db.invoice.findMany({
    where: { organizationId },
    orderBy: { periodFrom: "desc" },
    take: INVOICES_SHOWN,
    select: headColumns,
  });
  return rows.map(headOf);
}

/** One invoice with its lines, by its number; another organization's answers as if it did not exist. */
export async function issuedInvoice(
  db: Db,
  of: { organizationId: Id<"organization">; number: string },
): Promise<IssuedInvoice> {
  const row = await db.invoice.findFirst({
    where: { organizationId: of.organizationId, number: of.number },
    select: { ...headColumns, sealHash: true, lines: { orderBy: { position: "asc" }, select: lineColumns } },
  });
  if (!row?.number || !row.issuedAt) throw new Fault("not_found", "There is no such invoice.");
  const lines = row.lines.map(({ position, ...line }) => ({ ...lineOfRow(line), position }));
  const { id, number, issuedAt, sealHash } = row;
  return { ...headOf(row), id, number, issuedAt, sealHash, lines };
}
