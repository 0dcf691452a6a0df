import type { Metadata } from "next";
import { caller, orNotFound } from "#app/_trpc/caller.ts";
import { PageHeader } from "#app/_ui/page-header.tsx";
import { formatDay } from "#app/_ui/quantity.ts";
import { UsageReport } from "./usage-report.tsx";

export const metadata: Metadata = { title: "Usage" };

const DAY_MS = 86_400_000;

export default async function UsagePage({ params }: { params: Promise<{ organization: string }> }) {
  const { organization: organizationSlug } = await params;
  const api = await caller();
  const month = await orNotFound(api.usage.month({ organizationSlug }));
  const lastDay = new Date(month.to.getTime() - DAY_MS);
  return (
    <>
      <PageHeader
        title="Usage"
        description={`${formatDay(month.from)} to ${formatDay(lastDay)} ${lastDay.getUTCFullYear()}, days in UTC. Live from the ledger.`}
      />
      <UsageReport organizationSlug={organizationSlug} initial={month} />
    </>
  );
}
