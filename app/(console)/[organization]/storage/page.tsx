import { Database } from "lucide-react";
import type { Metadata } from "next";
import { caller, orNotFound } from "#app/_trpc/caller.ts";
import { EmptyState } from "#app/_ui/empty-state.tsx";
import { PageHeader } from "#app/_ui/page-header.tsx";

export const metadata: Metadata = { title: "Storage" };

export default async function StoragePage({ params }: { params: Promise<{ organization: string }> }) {
  const { organization: organizationSlug } = await params;
  const api = await caller();
  await orNotFound(api.organization.get({ organizationSlug }));
  return (
    <>
      <PageHeader title="Storage" description="Stored now: 0 GB" />
      <EmptyState icon={Database} title="Nothing can be stored yet">
        Buckets, keys and tables arrive in a later release and will be listed here. Until then a function keeps nothing
        between calls; what it needs, it can fetch from a service of yours.
      </EmptyState>
    </>
  );
}
