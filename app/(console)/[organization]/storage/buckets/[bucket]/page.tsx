import { FolderOpen } from "lucide-react";
import type { Metadata } from "next";
import Link from "next/link";
import { caller, orNotFound } from "#app/_trpc/caller.ts";
import { Breadcrumbs } from "#app/_ui/breadcrumbs.tsx";
import { Button } from "#app/_ui/button.tsx";
import { Card } from "#app/_ui/card.tsx";
import { EmptyState } from "#app/_ui/empty-state.tsx";
import { PageHeader } from "#app/_ui/page-header.tsx";
import { formatBytes, formatCount } from "#app/_ui/quantity.ts";
import { DeleteBucket } from "./delete-bucket.tsx";
import { ObjectTable } from "./object-table.tsx";
import { bucketHref, stepsOf } from "./place.ts";
import { UploadFiles } from "./upload-files.tsx";

type Props = {
  params: Promise<{ organization: string; bucket: string }>;
  searchParams: Promise<{ prefix?: string | string[]; after?: string | string[] }>;
};

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  return { title: decodeURIComponent((await params).bucket) };
}

export default async function BucketPage({ params, searchParams }: Props) {
  const { organization, bucket: segment } = await params;
  const place = { organization, bucket: decodeURIComponent(segment) };
  const query = await searchParams;
  const [prefix, after] = [one(query.prefix), one(query.after)];
  const api = await caller();
  const input = { organizationSlug: organization, bucket: place.bucket, prefix, after };
  const { bucket, objects, commonPrefixes, next, canWrite } = await orNotFound(api.bucket.browse(input));
  const steps = [{ label: bucket.name, prefix: "" }, ...stepsOf(prefix)];
  const here = steps.pop();
  return (
    <>
      <Breadcrumbs
        crumbs={[
          { label: "Storage", href: `/${organization}/storage` },
          { label: "Buckets", href: `/${organization}/storage/buckets` },
          ...steps.map((step) => ({ label: step.label, href: bucketHref(place, step) })),
        ]}
      />
      <PageHeader
        title={here?.label ?? bucket.name}
        description={`${bucket.name} holds ${formatCount(bucket.objectCount)} ${bucket.objectCount === 1n ? "object" : "objects"}, ${formatBytes(bucket.storedBytes)}`}
        actions={
          canWrite ? (
            <>
              {prefix === "" ? <DeleteBucket {...place} isEmpty={bucket.objectCount === 0n} /> : null}
              <UploadFiles {...place} prefix={prefix} />
            </>
          ) : null
        }
      />
      {objects.length + commonPrefixes.length === 0 ? (
        <EmptyState icon={FolderOpen} title="Nothing here">
          {after === "" ? "Upload files, or copy them here with an S3 client." : "There is nothing after that name."}
        </EmptyState>
      ) : (
        <Card>
          <ObjectTable {...place} prefix={prefix} objects={objects} folders={commonPrefixes} canWrite={canWrite} />
        </Card>
      )}
      <div className="mt-4 flex justify-end gap-2">
        {after === "" ? null : (
          <Button asChild>
            <Link href={bucketHref(place, { prefix })}>First page</Link>
          </Button>
        )}
        {next === null ? null : (
          <Button asChild>
            <Link href={bucketHref(place, { prefix, after: next })}>Next page</Link>
          </Button>
        )}
      </div>
    </>
  );
}

function one(value: string | string[] | undefined): string {
  return typeof value === "string" ? value : "";
}
