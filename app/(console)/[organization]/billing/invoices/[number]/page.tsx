import { Download } from "lucide-react";
import type { Metadata } from "next";
import { caller, orNotFound } from "#app/_trpc/caller.ts";
import { Breadcrumbs } from "#app/_ui/breadcrumbs.tsx";
import { Button } from "#app/_ui/button.tsx";
import { Section } from "#app/_ui/card.tsx";
import { CodeBlock } from "#app/_ui/code-block.tsx";
import { Notice } from "#app/_ui/notice.tsx";
import { PageHeader } from "#app/_ui/page-header.tsx";
import { formatDay } from "#app/_ui/quantity.ts";
import { InvoiceBadge } from "../../_parts/invoice-badge.tsx";
import { LineTable } from "../_parts/line-table.tsx";

type Props = { params: Promise<{ organization: string; number: string }> };

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  return { title: (await params).number };
}

export default async function InvoicePage({ params }: Props) {
  const { organization: organizationSlug, number } = await params;
  const api = await caller();
  const { name } = await orNotFound(api.organization.get({ organizationSlug }));
  const { invoice, lines, sealHash } = await orNotFound(api.invoice.get({ organizationSlug, number }));
  const files = `/api/invoices/${organizationSlug}/${number}`;
  return (
    <>
      <Breadcrumbs crumbs={[{ label: "Billing", href: `/${organizationSlug}/billing` }]} />
      <PageHeader
        title={
          <span className="flex flex-wrap items-center gap-2.5">
            Invoice {number} <InvoiceBadge state={invoice.state} />
          </span>
        }
        description={invoice.month}
        actions={
          <>
            <Button asChild variant="primary">
              <a href={`${files}/invoice.pdf`} download>
                <Download aria-hidden /> PDF
              </a>
            </Button>
            <Button asChild>
              <a href={`${files}/usage.csv`} download>
                <Download aria-hidden /> Usage as CSV
              </a>
            </Button>
          </>
        }
      />
      {invoice.reason === "" ? null : (
        <div className="mb-5">
          <Notice tone={invoice.state === "held" ? "warning" : "info"}>{invoice.reason}</Notice>
        </div>
      )}
      <dl className="mb-5 grid grid-cols-2 gap-x-6 gap-y-3 rounded-lg border bg-surface px-4 py-3.5 text-[13px] sm:grid-cols-4">
        <Fact name="Billed to" value={name} />
        <Fact
          name="Period (UTC)"
          value={`${formatDay(invoice.from)} to ${formatDay(new Date(invoice.to.getTime() - 1))}`}
        />
        <Fact
          name="Issued"
          value={invoice.issuedAt ? `${formatDay(invoice.issuedAt)} ${invoice.issuedAt.getUTCFullYear()}` : ""}
        />
        <Fact name={invoice.isSettled ? "Due at issue" : "Due"} value={invoice.due} />
      </dl>
      <div className="grid gap-5">
        <Section
          title="Lines"
          description="Open one to see the hours that it stands for, and their requests."
          className="p-0"
        >
          <LineTable organizationSlug={organizationSlug} number={number} lines={lines} invoice={invoice} />
        </Section>
        <Section
          title="Check it yourself"
          description="The export holds every charged request of the month, sealed hour by hour in a chain that can't be changed later."
          actions={
            <Button asChild>
              <a href={`${files}/export.jsonl`} download>
                <Download aria-hidden /> Export
              </a>
            </Button>
          }
        >
          <p className="mb-2 text-[13px] text-muted">
            With Node 24 and this project’s source, and nothing else, this adds it up from nothing and says whether it
            equals the invoice:
          </p>
          <CodeBlock
            label="Verify the export"
            code={verifyCommand({ number, total: invoice.total, sealHash })}
            className="max-w-full"
          />
        </Section>
      </div>
    </>
  );
}

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <div className="min-w-0">
      <dt className="text-muted">{name}</dt>
      <dd className="font-medium break-words tabular-nums">{value}</dd>
    </div>
  );
}

function verifyCommand({ number, total, sealHash }: { number: string; total: string; sealHash: string }): string {
  const amount = total.replaceAll(/[$,]/g, "");
  const lines = [`node server/billing/verify/verify-export.ts ${number}-export.jsonl`, `--total ${amount}`];
  return [...lines, ...(sealHash === "" ? [] : [`--seal ${sealHash}`])].join(" \\\n  ");
}
