import { ChevronRight } from "lucide-react";
import type { Metadata } from "next";
import Link from "next/link";
import { caller, orNotFound } from "#app/_trpc/caller.ts";
import { Breadcrumbs } from "#app/_ui/breadcrumbs.tsx";
import { Section } from "#app/_ui/card.tsx";
import { meters, type Meter } from "#app/_ui/meters.ts";
import { PageHeader } from "#app/_ui/page-header.tsx";
import { formatDay } from "#app/_ui/quantity.ts";
import { Cell, HeadCell, Row, RowHeader, Table, TableBody, TableHead } from "#app/_ui/table.tsx";

type Props = { params: Promise<{ organization: string; number: string; position: string }> };

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  const { number, position } = await params;
  return { title: `${number}, line ${position}` };
}

/** A line of an invoice, down to the sealed hours that add up to it. */
export default async function LinePage({ params }: Props) {
  const { organization: organizationSlug, number, position } = await params;
  const api = await caller();
  const { line, meter, hours } = await orNotFound(
    api.invoice.line({ organizationSlug, number, position: /^\d{1,3}$/.test(position) ? Number(position) : 999 }),
  );
  const { format } = meters[meter];
  const invoiceHref = `/${organizationSlug}/billing/invoices/${number}`;
  return (
    <>
      <Breadcrumbs
        crumbs={[
          { label: "Billing", href: `/${organizationSlug}/billing` },
          { label: number, href: invoiceHref },
        ]}
      />
      <PageHeader
        title={line.title}
        description={
          line.used === null || line.billable === null
            ? ""
            : `${format(line.used)} used, of which ${format(line.billable)} charged: ${line.cost}.`
        }
      />
      <Section
        title="Hours"
        description={
          hours.length === 0
            ? "Nothing was used."
            : "Each is sealed: its sum, and a hash over its requests, can't be changed any more. They add up to the line."
        }
        className="p-0"
      >
        {byDay(hours).map(([day, hoursOfDay], _, days) => (
          <details key={day} open={days.length === 1} className="group border-b last:border-b-0">
            <summary className="flex cursor-pointer items-center gap-2 px-4 py-2.5 text-[13px] hover:bg-sunken/60">
              <ChevronRight
                aria-hidden
                className="size-4 shrink-0 text-muted transition-transform group-open:rotate-90"
              />
              <span className="font-medium">{formatDay(new Date(day))}</span>
              <span className="text-muted">
                {hoursOfDay.length} {hoursOfDay.length === 1 ? "hour" : "hours"}
              </span>
              <span className="ml-auto tabular-nums">
                {format(hoursOfDay.reduce((sum, { quantity }) => sum + quantity, 0n))}
              </span>
            </summary>
            <HourTable hours={hoursOfDay} meter={meter} invoiceHref={invoiceHref} />
          </details>
        ))}
      </Section>
    </>
  );
}

type Hour = { hourAt: Date; revision: number; quantity: bigint; worth: string };

/** A month has up to 744 hours: by UTC day, oldest first. */
function byDay(hours: readonly Hour[]): [string, Hour[]][] {
  return [...Map.groupBy(hours, ({ hourAt }) => hourAt.toISOString().slice(0, 10))];
}

function HourTable({ hours, meter, invoiceHref }: { hours: Hour[]; meter: Meter; invoiceHref: string }) {
  return (
    <Table label="Hours" className="border-t">
      <TableHead>
        <Row>
          <HeadCell>Hour (UTC)</HeadCell>
          <HeadCell isNumber>{meters[meter].title}</HeadCell>
          <HeadCell isNumber>At list price</HeadCell>
        </Row>
      </TableHead>
      <TableBody>
        {hours.map((hour) => (
          <Row key={`${hour.hourAt.getTime()}.${hour.revision}`}>
            <RowHeader>
              <Link href={`${invoiceHref}/hours/${hourKey(hour.hourAt)}`} className="hover:text-accent">
                {hour.hourAt.toISOString().slice(11, 16)}
              </Link>
            </RowHeader>
            <Cell isNumber>{meters[meter].format(hour.quantity)}</Cell>
            <Cell isNumber className="text-muted">
              {hour.worth}
            </Cell>
          </Row>
        ))}
      </TableBody>
    </Table>
  );
}

/** An hour in an address: "2026-11-24T10". */
function hourKey(at: Date): string {
  return at.toISOString().slice(0, 13);
}
