import type { Metadata } from "next";
import Link from "next/link";
import { caller, orNotFound } from "#app/_trpc/caller.ts";
import { Button } from "#app/_ui/button.tsx";
import { Section } from "#app/_ui/card.tsx";
import { PageHeader } from "#app/_ui/page-header.tsx";
import { formatMoment } from "#app/_ui/quantity.ts";
import { Cell, HeadCell, Row, RowHeader, Table, TableBody, TableHead } from "#app/_ui/table.tsx";

export const metadata: Metadata = { title: "Audit" };

type Props = { searchParams: Promise<{ before?: string | string[] }> };

export default async function AuditPage({ searchParams }: Props) {
  const { before } = await searchParams;
  const api = await caller();
  const { rows, hasMore } = await orNotFound(api.operator.audit({ before: parseKey(before) }));
  const last = rows.at(-1);
  return (
    <>
      <PageHeader title="Audit" description="Who changed what, newest first." />
      <Section title="Entries" className="p-0">
        <Table label="Audit">
          <TableHead>
            <Row>
              <HeadCell>When</HeadCell>
              <HeadCell>What</HeadCell>
              <HeadCell>Who</HeadCell>
              <HeadCell>Organization</HeadCell>
              <HeadCell>Details</HeadCell>
            </Row>
          </TableHead>
          <TableBody>
            {rows.map((entry) => (
              <Row key={entry.id}>
                <RowHeader className="font-normal text-muted">{formatMoment(entry.at)}</RowHeader>
                <Cell className="font-medium whitespace-nowrap">{entry.action}</Cell>
                <Cell>{entry.by ?? <span className="text-muted">by itself</span>}</Cell>
                <Cell>
                  {entry.organizationSlug === null ? (
                    <span className="text-muted">the installation</span>
                  ) : (
                    <Link href={`/operator/organizations/${entry.organizationSlug}`} className="hover:text-accent">
                      {entry.organizationSlug}
                    </Link>
                  )}
                </Cell>
                <Cell className="min-w-64 text-xs text-muted">
                  {Object.entries(entry.detail)
                    .map(([name, value]) => `${name}: ${String(value)}`)
                    .join(", ")}
                </Cell>
              </Row>
            ))}
          </TableBody>
        </Table>
        {hasMore && last ? (
          <div className="flex justify-end border-t px-4 py-3">
            <Button asChild>
              <Link href={`/operator/audit?before=${last.at.getTime()}.${last.id}`}>Older</Link>
            </Button>
          </div>
        ) : null}
      </Section>
    </>
  );
}

function parseKey(text: string | string[] | undefined): { at: Date; id: string } | null {
  const match = typeof text === "string" ? /^(\d{1,15})\.([a-z]+_[0-9a-z]{1,40})$/.exec(text) : null;
  return match?.[1] && match[2] ? { at: new Date(Number(match[1])), id: match[2] } : null;
}
