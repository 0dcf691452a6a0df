import { SquareFunction } from "lucide-react";
import type { Metadata } from "next";
import Link from "next/link";
import { caller, orNotFound } from "#app/_trpc/caller.ts";
import { Badge } from "#app/_ui/badge.tsx";
import { Card } from "#app/_ui/card.tsx";
import { EmptyState } from "#app/_ui/empty-state.tsx";
import { PageHeader } from "#app/_ui/page-header.tsx";
import { formatMoment } from "#app/_ui/quantity.ts";
import { Cell, HeadCell, Row, RowHeader, Table, TableBody, TableHead } from "#app/_ui/table.tsx";
import { NewFunction } from "./new-function.tsx";

export const metadata: Metadata = { title: "Functions" };

export default async function FunctionsPage({ params }: { params: Promise<{ organization: string }> }) {
  const { organization } = await params;
  const api = await caller();
  const input = { organizationSlug: organization };
  const [functions, templates] = await orNotFound(
    Promise.all([api.function.list(input), api.function.templates(input)]),
  );
  const newFunction = <NewFunction organization={organization} templates={templates} />;
  return (
    <>
      <PageHeader
        title="Functions"
        description="Code that answers HTTP requests, each version in a sandbox of its own."
        actions={functions.length > 0 ? newFunction : null}
      />
      {functions.length === 0 ? (
        <EmptyState icon={SquareFunction} title="No functions yet" action={newFunction}>
          Begin with a template: it is live at its own address a moment later, and you can change it in the browser.
        </EmptyState>
      ) : (
        <Card>
          <Table label="Functions">
            <TableHead>
              <Row>
                <HeadCell>Name</HeadCell>
                <HeadCell>Address</HeadCell>
                <HeadCell>Last deployed</HeadCell>
              </Row>
            </TableHead>
            <TableBody>
              {functions.map(({ id, name, url, deployedAt }) => (
                <Row key={id} className="hover:bg-sunken/50">
                  <RowHeader>
                    <Link href={`/${organization}/functions/${name}`} className="text-accent-strong hover:underline">
                      {name}
                    </Link>
                  </RowHeader>
                  <Cell>
                    <a
                      href={url}
                      target="_blank"
                      rel="noreferrer"
                      className="font-mono text-[12.5px] text-muted hover:text-text hover:underline"
                    >
                      {url}
                    </a>
                  </Cell>
                  <Cell className="whitespace-nowrap text-muted">
                    {deployedAt ? formatMoment(deployedAt) : <Badge tone="warning">Not deployed</Badge>}
                  </Cell>
                </Row>
              ))}
            </TableBody>
          </Table>
        </Card>
      )}
    </>
  );
}
