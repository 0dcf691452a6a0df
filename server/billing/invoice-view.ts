import { formatCents, formatExact } from "#server/std/money.ts";
import { monthName } from "./invoice-words.ts";
import type { InvoiceLine } from "./invoice-line.ts";
import type { InvoiceState } from "./invoice-state.ts";
import type { InvoiceHead, IssuedInvoice } from "./invoices.ts";
import { shownQuantity } from "./plan-summary.ts";
import type { Meter } from "./price-book.ts";

/** A line as pages and the PDF show it: quantities exact, amounts as text. */
export type ShownLine = {
  position: number;
  kind: InvoiceLine["kind"];
  /** "Pro, 160 of 720 hours", "Requests", "Late requests of October 2026". */
  title: string;
  /** Null on fees. */
  meter: Meter | null;
  from: Date;
  to: Date;
  used: bigint | null;
  billable: bigint | null;
  /** "$0.30"; null where several prices met, and on fees. */
  price: string | null;
  cost: string;
};

export type ShownInvoice = {
  number: string | null;
  state: InvoiceState;
  reason: string;
  month: string;
  from: Date;
  to: Date;
  issuedAt: Date | null;
  total: string;
  credit: string | null;
  due: string;
  /** What is still expected: zero once it is settled. */
  isSettled: boolean;
};

export const meterTitles: Record<Meter, string> = {
  requests: "Requests",
  cpu: "CPU time",
  egress: "Egress",
  storage: "Storage",
};

export function shownInvoice(invoice: InvoiceHead): ShownInvoice {
  const { number, state, reason, from, to, issuedAt, totalCents, creditCents } = invoice;
  return {
    number,
    state,
    reason,
    month: monthName(from),
    from,
    to,
    issuedAt,
    total: formatCents(totalCents),
    credit: creditCents > 0n ? formatCents(creditCents) : null,
    due: formatCents(totalCents - creditCents),
    isSettled: state === "paid" || state === "void" || state === "uncollectible",
  };
}

export function shownLines(invoice: IssuedInvoice): ShownLine[] {
  return invoice.lines.map((line) => shownLine(line));
}

function shownLine(line: InvoiceLine & { position: number }): ShownLine {
  const { position, kind, from, to } = line;
  const shared = { position, kind, from, to, cost: formatCents(line.cents) };
  switch (line.kind) {
    case "fee":
      return { ...shared, title: feeTitle(line), meter: null, used: null, billable: null, price: null };
    case "usage": {
      const { meter, used, billable, price } = line;
      const quantities = { used: shownQuantity(meter, used), billable: shownQuantity(meter, billable) };
      return { ...shared, title: meterTitles[meter], meter, ...quantities, price: formatExact(price) };
    }
    case "late": {
      const { meter, used, billable } = line;
      const quantities = { used: shownQuantity(meter, used), billable: shownQuantity(meter, billable) };
      return {
        ...shared,
        title: `Late usage of ${monthName(from)}: ${meterTitles[meter]}`,
        meter,
        ...quantities,
        price: null,
      };
    }
  }
}

function feeTitle({ plan, hours, hoursInMonth }: Extract<InvoiceLine, { kind: "fee" }>): string {
  const title = plan === "pro" ? "Pro" : "Free";
  return hours === hoursInMonth ? `${title}, the whole month` : `${title}, ${hours} of ${hoursInMonth} hours`;
}
