import type { Metadata } from "next";
import Link from "next/link";
import { notFound } from "next/navigation";
import { caller, orNotFound } from "#app/_trpc/caller.ts";
import { Breadcrumbs } from "#app/_ui/breadcrumbs.tsx";
import { Button } from "#app/_ui/button.tsx";
import { Section } from "#app/_ui/card.tsx";
import { PageHeader } from "#app/_ui/page-header.tsx";
import { formatBytes, formatCount, formatCpu, formatHour } from "#app/_ui/quantity.ts";
import { FactTable } from "../../../_parts/fact-table.tsx";

type Props = {
  params: Promise<{ organization: string; number: string; hour: string }>;
  searchParams: Promise<{ after?: string | string[] }>;
};

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  const { number, hour } = await params;
  return { title: `${number}, ${hour}` };
}

/** An hour of an invoice, down to the requests that its seal covers. */
export default async function HourPage({ params, searchParams }: Props) {
  const { organization: organizationSlug, number, hour: key } = await params;
  const { after } = await searchParams;
  if (!/^\d{4}-\d{2}-\d{2}T\d{2}$/.test(key)) notFound();
  const hourAt = new Date(`${key}:00:00Z`);
  if (Number.isNaN(hourAt.getTime())) notFound();
  const afterKey = typeof after === "string" && /^\d{1,18}\.\d{1,18}$/.test(after) ? after : null;
  const api = await caller();
  const { hour, facts, nextKey } = await orNotFound(api.invoice.hour({ organizationSlug, number, hourAt, afterKey }));
  const invoiceHref = `/${organizationSlug}/billing/invoices/${number}`;
  const used = `${formatCount(hour.requests)} requests, ${formatCpu(hour.cpuNs)} CPU, ${formatBytes(hour.egressBytes)} egress`;
  return (
    <>
      <Breadcrumbs
        crumbs={[
          { label: "Billing", href: `/${organizationSlug}/billing` },
          { label: number, href: invoiceHref },
        ]}
      />
      <PageHeader
        title={formatHour(hour.hourAt)}
        description={
          hour.revision === 1
            ? `${used}.`
            : `Came later than the invoice of its month, and adds ${used} (revision ${hour.revision}).`
        }
      />
      <Section
        title="Requests"
        description="In the order in which the seal covers them. Prices are list prices."
        className="p-0"
      >
        <FactTable facts={facts} />
        {facts.length === 0 ? (
          <p className="p-4 text-[13px] text-muted">
            The requests of this hour are no longer kept. Its sums and its seal are.
          </p>
        ) : null}
        {nextKey === null && afterKey === null ? null : (
          <div className="flex flex-wrap justify-end gap-2 border-t px-4 py-3">
            {afterKey === null ? null : (
              <Button asChild variant="ghost">
                <Link href={`${invoiceHref}/hours/${key}`}>First page</Link>
              </Button>
            )}
            {nextKey === null ? null : (
              <Button asChild>
                <Link href={`${invoiceHref}/hours/${key}?after=${nextKey}`}>Next page</Link>
              </Button>
            )}
          </div>
        )}
      </Section>
    </>
  );
}
