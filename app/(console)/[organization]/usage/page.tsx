import type { Metadata } from "next";
import { caller, orNotFound } from "#app/_trpc/caller.ts";
import { PageHeader } from "#app/_ui/page-header.tsx";
import { formatDay } from "#app/_ui/quantity.ts";
import { ComparisonSection } from "./comparison-section.tsx";
import { ForecastSection } from "./forecast-section.tsx";
import { UsageReport } from "./usage-report.tsx";

export const metadata: Metadata = { title: "Usage" };

const DAY_MS = 86_400_000;

export default async function UsagePage({ params }: { params: Promise<{ organization: string }> }) {
  const { organization: organizationSlug } = await params;
  const api = await caller();
  const month = await orNotFound(api.usage.month({ organizationSlug }));
  const { forecast, comparison } = await api.usage.outlook({ organizationSlug });
  const lastDay = new Date(month.to.getTime() - DAY_MS);
  return (
    <>
      <PageHeader
        title="Usage"
        description={`${formatDay(month.from)} to ${formatDay(lastDay)} ${lastDay.getUTCFullYear()}, days in UTC. Live from the ledger.`}
      />
      <div className="grid gap-5">
        <UsageReport organizationSlug={organizationSlug} initial={month} />
        <ForecastSection forecast={forecast} />
        <ComparisonSection comparison={comparison} />
      </div>
    </>
  );
}
