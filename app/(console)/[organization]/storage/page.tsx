import { KeyRound } from "lucide-react";
import type { Metadata } from "next";
import Link from "next/link";
import { caller, orNotFound } from "#app/_trpc/caller.ts";
import { Section } from "#app/_ui/card.tsx";
import { EmptyState } from "#app/_ui/empty-state.tsx";
import { PageHeader } from "#app/_ui/page-header.tsx";
import { formatBytes, formatCount, formatMoment } from "#app/_ui/quantity.ts";
import { Cell, HeadCell, Row, RowHeader, Table, TableBody, TableHead } from "#app/_ui/table.tsx";
import { NewNamespace } from "./new-namespace.tsx";

export const metadata: Metadata = { title: "Storage" };

export default async function StoragePage({ params }: { params: Promise<{ organization: string }> }) {
  const { organization } = await params;
  const api = await caller();
  const { namespaces, canWrite } = await orNotFound(api.kv.namespaces({ organizationSlug: organization }));
  const newNamespace = canWrite ? <NewNamespace organization={organization} /> : null;
  return (
    <>
      <PageHeader title="Storage" description="What outlasts a call, for functions and for people." />
      {namespaces.length === 0 ? (
        <EmptyState icon={KeyRound} title="No namespaces yet" action={newNamespace}>
          A namespace keeps values under keys. Bind it to a function, and the function reads and writes it as{" "}
          <code>env.NAME</code>, with the API of Workers KV; what was written is what is read next, everywhere.
        </EmptyState>
      ) : (
        <Section
          title="Keys"
          description="Values under keys, in namespaces that functions are bound to."
          actions={newNamespace}
          className="p-0"
        >
          <Table label="Namespaces">
            <TableHead>
              <Row>
                <HeadCell>Name</HeadCell>
                <HeadCell isNumber>Keys</HeadCell>
                <HeadCell isNumber>Size</HeadCell>
                <HeadCell>Created</HeadCell>
              </Row>
            </TableHead>
            <TableBody>
              {namespaces.map(({ id, name, keys, bytes, createdAt }) => (
                <Row key={id} className="hover:bg-sunken/50">
                  <RowHeader>
                    <Link href={`/${organization}/storage/keys/${id}`} className="text-accent-strong hover:underline">
                      {name}
                    </Link>
                  </RowHeader>
                  <Cell isNumber>{formatCount(keys)}</Cell>
                  <Cell isNumber>{formatBytes(BigInt(bytes))}</Cell>
                  <Cell className="whitespace-nowrap text-muted">{formatMoment(createdAt)}</Cell>
                </Row>
              ))}
            </TableBody>
          </Table>
        </Section>
      )}
    </>
  );
}
