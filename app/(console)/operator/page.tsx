import { Search } from "lucide-react";
import type { Metadata } from "next";
import Link from "next/link";
import { caller, orNotFound } from "#app/_trpc/caller.ts";
import { Badge } from "#app/_ui/badge.tsx";
import { Button } from "#app/_ui/button.tsx";
import { Section } from "#app/_ui/card.tsx";
import { Input } from "#app/_ui/input.tsx";
import { PageHeader } from "#app/_ui/page-header.tsx";
import { Cell, HeadCell, Row, RowHeader, Table, TableBody, TableHead } from "#app/_ui/table.tsx";

export const metadata: Metadata = { title: "Organizations" };

type Props = { searchParams: Promise<{ q?: string | string[]; page?: string | string[] }> };

export default async function OrganizationsPage({ searchParams }: Props) {
  const { q, page: pageText } = await searchParams;
  const search = typeof q === "string" ? q.slice(0, 100) : "";
  const page = typeof pageText === "string" && /^\d{1,4}$/.test(pageText) ? Number(pageText) : 0;
  const api = await caller();
  const { debtors, hasMore } = await orNotFound(api.operator.organizations({ search, page }));
  const pageHref = (to: number) => `/operator?${new URLSearchParams({ q: search, page: String(to) }).toString()}`;
  return (
    <>
      <PageHeader
        title="Organizations"
        description="Who owes what, those who owe most first."
        actions={
          <form action="/operator" className="relative">
            <Search aria-hidden className="pointer-events-none absolute top-2.5 left-2.5 size-4 text-muted" />
            <Input
              name="q"
              type="search"
              defaultValue={search}
              aria-label="Search"
              placeholder="Name or address"
              className="w-56 pl-8"
            />
          </form>
        }
      />
      <Section title={search === "" ? "All" : `With “${search}”`} className="p-0">
        {debtors.length === 0 ? (
          <p className="p-4 text-[13px] text-muted">None.</p>
        ) : (
          <Table label="Organizations">
            <TableHead>
              <Row>
                <HeadCell>Organization</HeadCell>
                <HeadCell>Plan</HeadCell>
                <HeadCell isNumber>Owes</HeadCell>
                <HeadCell isNumber>Usage this month</HeadCell>
                <HeadCell isNumber>Cap</HeadCell>
                <HeadCell isNumber>Credit</HeadCell>
                <HeadCell>State</HeadCell>
              </Row>
            </TableHead>
            <TableBody>
              {debtors.map((debtor) => (
                <Row key={debtor.id}>
                  <RowHeader>
                    <Link href={`/operator/organizations/${debtor.slug}`} className="hover:text-accent">
                      {debtor.name} <span className="font-normal text-muted">{debtor.slug}</span>
                    </Link>
                  </RowHeader>
                  <Cell>{debtor.plan === "pro" ? "Pro" : "Free"}</Cell>
                  <Cell isNumber className={debtor.owedCents > 0n ? "font-medium" : "text-muted"}>
                    {debtor.owed}
                  </Cell>
                  <Cell isNumber>{debtor.monthUsage}</Cell>
                  <Cell isNumber className="text-muted">
                    {debtor.cap}
                  </Cell>
                  <Cell isNumber className="text-muted">
                    {debtor.creditLeft}
                  </Cell>
                  <Cell>
                    <StateBadge paused={debtor.pausedBecause} unpaid={debtor.unpaidBecause} />
                  </Cell>
                </Row>
              ))}
            </TableBody>
          </Table>
        )}
        {page === 0 && !hasMore ? null : (
          <div className="flex justify-end gap-2 border-t px-4 py-3">
            {page > 0 ? (
              <Button asChild>
                <Link href={pageHref(page - 1)}>Previous</Link>
              </Button>
            ) : null}
            {hasMore ? (
              <Button asChild>
                <Link href={pageHref(page + 1)}>Next</Link>
              </Button>
            ) : null}
          </div>
        )}
      </Section>
    </>
  );
}

function StateBadge({ paused, unpaid }: { paused: string | null; unpaid: string | null }) {
  if (paused !== null) return <Badge tone="danger">Paused</Badge>;
  return unpaid === null ? <Badge tone="success">Runs</Badge> : <Badge tone="warning">Unpaid</Badge>;
}
