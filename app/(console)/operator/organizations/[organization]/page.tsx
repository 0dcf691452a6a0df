import type { Metadata } from "next";
import { caller, orNotFound } from "#app/_trpc/caller.ts";
import { Breadcrumbs } from "#app/_ui/breadcrumbs.tsx";
import { Section } from "#app/_ui/card.tsx";
import { Notice } from "#app/_ui/notice.tsx";
import { PageHeader } from "#app/_ui/page-header.tsx";
import { formatDay, formatMoment } from "#app/_ui/quantity.ts";
import { Cell, HeadCell, Row, RowHeader, Table, TableBody, TableHead } from "#app/_ui/table.tsx";
import { CreditForm } from "../../_parts/credit-form.tsx";
import { InvoiceSteps } from "../../_parts/invoice-steps.tsx";
import { PauseButton } from "../../_parts/pause-button.tsx";

type Props = { params: Promise<{ organization: string }> };

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  return { title: (await params).organization };
}

export default async function OperatorOrganizationPage({ params }: Props) {
  const { organization: organizationSlug } = await params;
  const api = await caller();
  const { organization, rule, invoices, creditLeft, credits } = await orNotFound(
    api.operator.organization({ organizationSlug }),
  );
  return (
    <>
      <Breadcrumbs crumbs={[{ label: "Organizations", href: "/operator" }]} />
      <PageHeader
        title={organization.name}
        description={`${organization.slug}, ${organization.plan === "pro" ? "Pro" : "Free"}, since ${formatDay(organization.createdAt)} ${organization.createdAt.getUTCFullYear()}`}
        actions={<PauseButton organizationSlug={organizationSlug} isPaused={rule.pausedBecause !== null} />}
      />
      <div className="grid gap-5">
        {rule.pausedBecause === null ? null : <Notice tone="warning">Paused: {rule.pausedBecause}</Notice>}
        {rule.unpaidBecause === null ? null : <Notice tone="warning">Unpaid: {rule.unpaidBecause}</Notice>}
        <Section title="Invoices" className="p-0">
          {invoices.length === 0 ? (
            <p className="p-4 text-[13px] text-muted">None.</p>
          ) : (
            <Table label="Invoices">
              <TableHead>
                <Row>
                  <HeadCell>Month</HeadCell>
                  <HeadCell>Number</HeadCell>
                  <HeadCell isNumber>Total</HeadCell>
                  <HeadCell isNumber>Due</HeadCell>
                  <HeadCell>State</HeadCell>
                </Row>
              </TableHead>
              <TableBody>
                {invoices.map((invoice) => (
                  <Row key={invoice.from.getTime()}>
                    <RowHeader>{invoice.month}</RowHeader>
                    <Cell className="font-mono text-xs">{invoice.number ?? "draft"}</Cell>
                    <Cell isNumber>{invoice.total}</Cell>
                    <Cell isNumber>{invoice.due}</Cell>
                    <Cell>
                      <InvoiceSteps number={invoice.number} state={invoice.state} reason={invoice.reason} />
                    </Cell>
                  </Row>
                ))}
              </TableBody>
            </Table>
          )}
        </Section>
        <Section
          title="Credits"
          description={`They pay invoices before anything else does. Left: ${creditLeft ?? "$0.00"}.`}
        >
          <CreditForm organizationSlug={organizationSlug} />
          {credits.length === 0 ? null : (
            <ul className="mt-4 grid gap-2 border-t pt-3 text-[13px]">
              {credits.map((credit) => (
                <li key={credit.id} className="flex flex-wrap justify-between gap-x-4">
                  <span>
                    <span className="font-medium tabular-nums">{credit.amount}</span> {credit.reason}
                  </span>
                  <span className="text-muted">{formatMoment(credit.at)}</span>
                </li>
              ))}
            </ul>
          )}
        </Section>
      </div>
    </>
  );
}
