import { Download, FileText } from "lucide-react";
import Link from "next/link";
import { Button } from "#app/_ui/button.tsx";
import { Section } from "#app/_ui/card.tsx";
import { Cell, HeadCell, Row, RowHeader, Table, TableBody, TableHead } from "#app/_ui/table.tsx";
import type { Invoice, InvoiceList } from "./billing-data.ts";
import { InvoiceBadge } from "./invoice-badge.tsx";

export function InvoiceSection({
  organizationSlug,
  list,
  plan,
}: {
  organizationSlug: string;
  list: InvoiceList;
  plan: "free" | "pro";
}) {
  const { invoices, creditLeft } = list;
  return (
    <Section
      title="Invoices"
      className="p-0"
      actions={
        creditLeft === null ? null : (
          <p className="text-[13px] text-muted">
            Credit left: <span className="font-medium text-text tabular-nums">{creditLeft}</span>
          </p>
        )
      }
    >
      {invoices.length === 0 ? (
        <div className="flex items-start gap-3 p-4 text-[13px] text-muted">
          <FileText aria-hidden className="mt-0.5 size-4 shrink-0" />
          <p>
            {plan === "free"
              ? "None. Free costs nothing, so it has no invoices."
              : "None yet. The first one is made when this month is over and all of its hours are sealed, a few minutes after midnight UTC."}
          </p>
        </div>
      ) : (
        <Table label="Invoices">
          <TableHead>
            <Row>
              <HeadCell>Month</HeadCell>
              <HeadCell className="max-sm:hidden">Number</HeadCell>
              <HeadCell>Status</HeadCell>
              <HeadCell isNumber>Total</HeadCell>
              <HeadCell>
                <span className="sr-only">Download</span>
              </HeadCell>
            </Row>
          </TableHead>
          <TableBody>
            {invoices.map((invoice) => (
              <InvoiceRow key={invoice.from.getTime()} organizationSlug={organizationSlug} invoice={invoice} />
            ))}
          </TableBody>
        </Table>
      )}
    </Section>
  );
}

function InvoiceRow({ organizationSlug, invoice }: { organizationSlug: string; invoice: Invoice }) {
  const { number, month, state, total, due, credit } = invoice;
  const href = `/${organizationSlug}/billing/invoices/${number}`;
  return (
    <Row>
      <RowHeader>
        {number === null ? (
          month
        ) : (
          <Link href={href} className="hover:text-accent">
            {month}
          </Link>
        )}
      </RowHeader>
      <Cell className="font-mono text-xs whitespace-nowrap text-muted max-sm:hidden">
        {number === null ? "when all hours are sealed" : <Link href={href}>{number}</Link>}
      </Cell>
      <Cell>
        <InvoiceBadge state={state} />
      </Cell>
      <Cell isNumber>
        {number === null ? "" : total}
        {credit === null ? null : <span className="block text-xs text-muted">{due} due</span>}
      </Cell>
      <Cell className="w-0 py-1.5 text-right">
        {number === null ? null : (
          <Button asChild variant="ghost" size="icon">
            <a
              href={`/api/invoices/${organizationSlug}/${number}/invoice.pdf`}
              aria-label={`${number} as PDF`}
              download
            >
              <Download aria-hidden />
            </a>
          </Button>
        )}
      </Cell>
    </Row>
  );
}
