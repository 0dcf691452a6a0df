import { Box } from "lucide-react";
import type { Metadata } from "next";
import Link from "next/link";
import { caller, orNotFound } from "#app/_trpc/caller.ts";
import { Breadcrumbs } from "#app/_ui/breadcrumbs.tsx";
import { Card } from "#app/_ui/card.tsx";
import { EmptyState } from "#app/_ui/empty-state.tsx";
import { PageHeader } from "#app/_ui/page-header.tsx";
import { formatBytes, formatCount, formatMoment } from "#app/_ui/quantity.ts";
import { Cell, HeadCell, Row, RowHeader, Table, TableBody, TableHead } from "#app/_ui/table.tsx";
import { KeySection } from "./_keys/key-section.tsx";
import { NewBucket } from "./new-bucket.tsx";

export const metadata: Metadata = { title: "Buckets" };

export default async function BucketsPage({ params }: { params: Promise<{ organization: string }> }) {
  const { organization } = await params;
  const api = await caller();
  const input = { organizationSlug: organization };
  const [{ buckets, canWrite, endpoint }, keys] = await orNotFound(
    Promise.all([api.bucket.list(input), api.s3Key.list(input)]),
  );
  const newBucket = canWrite ? <NewBucket organization={organization} /> : null;
  return (
    <>
      <Breadcrumbs crumbs={[{ label: "Storage", href: `/${organization}/storage` }]} />
      <PageHeader
        title="Buckets"
        description="Objects of any size, reached from here and by every client that speaks S3."
        actions={buckets.length > 0 ? newBucket : null}
      />
      <div className="grid grid-cols-[minmax(0,1fr)] gap-5">
        {buckets.length === 0 ? (
          <EmptyState icon={Box} title="No buckets yet" action={newBucket}>
            A bucket holds objects under names of your choice. Make one, then upload files here or with an S3 client.
          </EmptyState>
        ) : (
          <Card>
            <Table label="Buckets">
              <TableHead>
                <Row>
                  <HeadCell>Name</HeadCell>
                  <HeadCell isNumber>Objects</HeadCell>
                  <HeadCell isNumber>Size</HeadCell>
                  <HeadCell>Made</HeadCell>
                </Row>
              </TableHead>
              <TableBody>
                {buckets.map(({ id, name, objectCount, storedBytes, createdAt }) => (
                  <Row key={id} className="hover:bg-sunken/50">
                    <RowHeader>
                      <Link
                        href={`/${organization}/storage/buckets/${name}`}
                        className="text-accent-strong hover:underline"
                      >
                        {name}
                      </Link>
                    </RowHeader>
                    <Cell isNumber>{formatCount(objectCount)}</Cell>
                    <Cell isNumber>{formatBytes(storedBytes)}</Cell>
                    <Cell className="whitespace-nowrap text-muted">{formatMoment(createdAt)}</Cell>
                  </Row>
                ))}
              </TableBody>
            </Table>
          </Card>
        )}
        <KeySection
          organization={organization}
          keys={keys}
          endpoint={endpoint}
          buckets={canWrite ? buckets.map(({ name }) => name) : null}
        />
      </div>
    </>
  );
}
