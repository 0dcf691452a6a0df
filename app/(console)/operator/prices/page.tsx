import type { Metadata } from "next";
import { caller, orNotFound } from "#app/_trpc/caller.ts";
import { Badge } from "#app/_ui/badge.tsx";
import { Section } from "#app/_ui/card.tsx";
import { PageHeader } from "#app/_ui/page-header.tsx";
import { formatMoment } from "#app/_ui/quantity.ts";
import { Cell, HeadCell, Row, RowHeader, Table, TableBody, TableHead } from "#app/_ui/table.tsx";
import { NewVersion } from "./new-version.tsx";
import { draftMeters, draftOf, meterNames, type Plans } from "./price-draft.ts";

export const metadata: Metadata = { title: "Price book" };

export default async function PriceBookPage() {
  const api = await caller();
  const { versions, inForce } = await orNotFound(api.operator.prices());
  const newest = versions[0];
  return (
    <>
      <PageHeader
        title="Price book"
        description="A version never changes. Each hour of usage is rated by the version that was in force in it."
        actions={newest ? <NewVersion base={newest.plans} /> : null}
      />
      <div className="grid gap-5">
        {versions.map(({ version, effectiveAt, plans }) => (
          <Section
            key={version}
            title={`Version ${version}`}
            description={`From ${formatMoment(effectiveAt)} on`}
            actions={<VersionBadge version={version} inForce={inForce} />}
            className="p-0"
          >
            <VersionTable plans={plans} version={version} />
          </Section>
        ))}
      </div>
    </>
  );
}

function VersionBadge({ version, inForce }: { version: number; inForce: number }) {
  if (version === inForce) return <Badge tone="success">In force</Badge>;
  return version > inForce ? <Badge tone="accent">To come</Badge> : <Badge>Past</Badge>;
}

function VersionTable({ plans, version }: { plans: Plans; version: number }) {
  const draft = draftOf(plans);
  return (
    <Table label={`Version ${version}`}>
      <TableHead>
        <Row>
          <HeadCell>Meter</HeadCell>
          <HeadCell isNumber>{plans.free.title} includes</HeadCell>
          <HeadCell isNumber>{plans.pro.title} includes</HeadCell>
          <HeadCell isNumber>Price, in cents</HeadCell>
        </Row>
      </TableHead>
      <TableBody>
        {meterNames.map((name) => (
          <Row key={name}>
            <RowHeader>{draftMeters[name].title}</RowHeader>
            <Cell isNumber>
              {grouped(draft.meters[name].free)} <Unit name={draftMeters[name].unit} />
            </Cell>
            <Cell isNumber>
              {grouped(draft.meters[name].pro)} <Unit name={draftMeters[name].unit} />
            </Cell>
            <Cell isNumber>
              {draft.meters[name].price} <Unit name={draftMeters[name].pricedPer} />
            </Cell>
          </Row>
        ))}
        <Row>
          <RowHeader>Monthly fee</RowHeader>
          <Cell isNumber>
            {plans.free.monthlyFee} <Unit name="cents" />
          </Cell>
          <Cell isNumber>
            {draft.proFee} <Unit name="cents" />
          </Cell>
          <Cell />
        </Row>
      </TableBody>
    </Table>
  );
}

function Unit({ name }: { name: string }) {
  return <span className="text-muted">{name}</span>;
}

function grouped(amount: string): string {
  const [whole = "", fraction] = amount.split(".");
  return `${BigInt(whole).toLocaleString("en-US")}${fraction === undefined ? "" : `.${fraction}`}`;
}
