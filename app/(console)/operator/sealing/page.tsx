import type { Metadata } from "next";
import { caller, orNotFound } from "#app/_trpc/caller.ts";
import { Section } from "#app/_ui/card.tsx";
import { PageHeader } from "#app/_ui/page-header.tsx";
import { formatMoment } from "#app/_ui/quantity.ts";
import { Cell, HeadCell, Row, RowHeader, Table, TableBody, TableHead } from "#app/_ui/table.tsx";
import { GiveUpButton } from "../_parts/give-up-button.tsx";

export const metadata: Metadata = { title: "Sealing" };

export default async function SealingPage() {
  const api = await caller();
  const { closedBefore, stranded } = await orNotFound(api.operator.sealing());
  return (
    <>
      <PageHeader
        title="Sealing"
        description={`Hours before ${formatMoment(closedBefore)} are closed. An invoice is made once all hours of its month are.`}
      />
      <Section
        title="What holds hours up"
        description="Runtimes that are gone while part of their journal is not in the ledger. Start them once more where they ran, and they ship it."
        className="p-0"
      >
        {stranded.length === 0 ? (
          <p className="p-4 text-[13px] text-muted">Nothing.</p>
        ) : (
          <Table label="Runtimes that hold hours up">
            <TableHead>
              <Row>
                <HeadCell>Life</HeadCell>
                <HeadCell>Node</HeadCell>
                <HeadCell>Region</HeadCell>
                <HeadCell>Started</HeadCell>
                <HeadCell>Shipped until</HeadCell>
                <HeadCell>
                  <span className="sr-only">Give up</span>
                </HeadCell>
              </Row>
            </TableHead>
            <TableBody>
              {stranded.map((life) => (
                <Row key={String(life.epoch)}>
                  <RowHeader>{String(life.epoch)}</RowHeader>
                  <Cell>{life.node}</Cell>
                  <Cell>{life.region}</Cell>
                  <Cell className="whitespace-nowrap">{formatMoment(life.startedAt)}</Cell>
                  <Cell className="whitespace-nowrap">{formatMoment(life.shippedAt)}</Cell>
                  <Cell className="text-right">
                    <GiveUpButton epoch={life.epoch} />
                  </Cell>
                </Row>
              ))}
            </TableBody>
          </Table>
        )}
      </Section>
    </>
  );
}
