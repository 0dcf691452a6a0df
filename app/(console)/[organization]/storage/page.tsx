import { Box, ChevronRight, KeyRound } from "lucide-react";
import type { Metadata } from "next";
import Link from "next/link";
import { caller, orNotFound } from "#app/_trpc/caller.ts";
import { Card, Section } from "#app/_ui/card.tsx";
import { EmptyState } from "#app/_ui/empty-state.tsx";
import { PageHeader } from "#app/_ui/page-header.tsx";
import { formatBytes, formatCount, formatMoment } from "#app/_ui/quantity.ts";
import { Cell, HeadCell, Row, RowHeader, Table, TableBody, TableHead } from "#app/_ui/table.tsx";
import { NewNamespace } from "./new-namespace.tsx";

export const metadata: Metadata = { title: "Storage" };

export default async function StoragePage({ params }: { params: Promise<{ organization: string }> }) {
  const { organization } = await params;
  const api = await caller();
  const input = { organizationSlug: organization };
  const [{ namespaces, canWrite }, { buckets }] = await orNotFound(
    Promise.all([api.kv.namespaces(input), api.bucket.list(input)]),
  );
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
      <BucketCard organization={organization} buckets={buckets} />
    </>
  );
}

type BucketTotals = { objectCount: bigint; storedBytes: bigint };

/** What lies in buckets, and the way there. */
function BucketCard({ organization, buckets }: { organization: string; buckets: readonly BucketTotals[] }) {
  const objects = buckets.reduce((sum, { objectCount }) => sum + objectCount, 0n);
  const bytes = buckets.reduce((sum, { storedBytes }) => sum + storedBytes, 0n);
  const count = (number: bigint | number, noun: string) =>
    `${formatCount(number)} ${Number(number) === 1 ? noun : `${noun}s`}`;
  return (
    <Card className="mt-5">
      <Link
        href={`/${organization}/storage/buckets`}
        className="flex items-center gap-3 rounded-[inherit] px-4 py-3.5 transition-colors hover:bg-sunken/50"
      >
        <span className="grid size-9 shrink-0 place-items-center rounded-full bg-accent-soft text-accent-strong">
          <Box aria-hidden className="size-4.5" />
        </span>
        <span className="min-w-0 flex-1">
          <span className="block text-sm font-semibold">Buckets</span>
          <span className="block text-[13px] text-muted">
            {buckets.length === 0
              ? "Files of any size, for S3 clients and for people. None yet."
              : `${count(buckets.length, "bucket")}, ${count(objects, "object")}, ${formatBytes(bytes)}`}
          </span>
        </span>
        <ChevronRight aria-hidden className="size-4 shrink-0 text-muted" />
      </Link>
    </Card>
  );
}
