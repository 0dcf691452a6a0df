import { ChevronRight } from "lucide-react";
import Link from "next/link";
import { meters } from "#app/_ui/meters.ts";
import { Cell, HeadCell, Row, RowHeader, Table, TableBody, TableHead } from "#app/_ui/table.tsx";
import type { Invoice, InvoiceLine } from "../../_parts/billing-data.ts";

export function LineTable({
  organizationSlug,
  number,
  lines,
  invoice,
}: {
  organizationSlug: string;
  number: string;
  lines: InvoiceLine[];
  invoice: Invoice;
}) {
  return (
    <Table label="Invoice lines">
      <TableHead>
        <Row>
          <HeadCell>Description</HeadCell>
          <HeadCell isNumber>Used</HeadCell>
          <HeadCell isNumber className="max-sm:hidden">
            Charged
          </HeadCell>
          <HeadCell isNumber className="max-sm:hidden">
            Price
          </HeadCell>
          <HeadCell isNumber>Amount</HeadCell>
        </Row>
      </TableHead>
      <TableBody>
        {lines.map((line) => (
          <Row key={line.position}>
            <RowHeader className="whitespace-normal">
              {line.meter === null ? (
                line.title
              ) : (
                <Link
                  href={`/${organizationSlug}/billing/invoices/${number}/lines/${line.position}`}
                  className="group inline-flex items-center gap-1 hover:text-accent"
                >
                  {line.title}
                  <ChevronRight aria-hidden className="size-3.5 text-muted group-hover:text-accent" />
                </Link>
              )}
            </RowHeader>
            <Cell isNumber className="text-muted">
              {quantity(line, "used")}
            </Cell>
            <Cell isNumber className="text-muted max-sm:hidden">
              {quantity(line, "billable")}
            </Cell>
            <Cell isNumber className="text-muted max-sm:hidden">
              {line.meter !== null && line.price !== null ? `${line.price} ${meters[line.meter].pricedPer}` : ""}
            </Cell>
            <Cell isNumber>{line.cost}</Cell>
          </Row>
        ))}
      </TableBody>
      <tfoot className="border-t">
        <TotalRow name="Total" amount={invoice.total} isStrong={invoice.credit === null} />
        {invoice.credit === null ? null : (
          <>
            <TotalRow name="Paid by credits" amount={`-${invoice.credit}`} isStrong={false} />
            <TotalRow name={invoice.isSettled ? "Due at issue" : "Due"} amount={invoice.due} isStrong />
          </>
        )}
      </tfoot>
    </Table>
  );
}

function quantity(line: InvoiceLine, of: "used" | "billable"): string {
  const amount = line[of];
  return line.meter !== null && amount !== null ? meters[line.meter].format(amount) : "";
}

function TotalRow({ name, amount, isStrong }: { name: string; amount: string; isStrong: boolean }) {
  return (
    <Row className={isStrong ? "font-semibold" : "text-muted"}>
      <RowHeader className={isStrong ? "font-semibold" : "font-normal"}>{name}</RowHeader>
      <Cell />
      <Cell className="max-sm:hidden" />
      <Cell className="max-sm:hidden" />
      <Cell isNumber>{amount}</Cell>
    </Row>
  );
}
