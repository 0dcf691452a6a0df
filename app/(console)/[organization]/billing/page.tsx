import type { Metadata } from "next";
import { caller, orForbidden, orNotFound } from "#app/_trpc/caller.ts";
import { Notice } from "#app/_ui/notice.tsx";
import { PageHeader } from "#app/_ui/page-header.tsx";
import { FloodDrill } from "./_drill/flood-drill.tsx";
import { AlertSection } from "./_parts/alert-section.tsx";
import { CapSection } from "./_parts/cap-section.tsx";
import { InvoiceSection } from "./_parts/invoice-section.tsx";
import { MonthSection } from "./_parts/month-section.tsx";
import { PaymentSection } from "./_parts/payment-section.tsx";
import { PlanSection } from "./_parts/plan-section.tsx";

export const metadata: Metadata = { title: "Billing" };

export default async function BillingPage({ params }: { params: Promise<{ organization: string }> }) {
  const { organization: organizationSlug } = await params;
  const api = await caller();
  const overview = await orForbidden(orNotFound(api.billing.overview({ organizationSlug })));
  if (!overview) {
    return (
      <>
        <PageHeader title="Billing" />
        <Notice>
          Your role here shows you what is used, and not what is owed. Ask an owner for the role billing to see it.
        </Notice>
      </>
    );
  }
  const [month, alerts, list] = await Promise.all([
    api.billing.month({ organizationSlug }),
    api.billing.alerts({ organizationSlug }),
    api.invoice.list({ organizationSlug }),
  ]);
  return (
    <>
      <PageHeader title="Billing" description="What this organization pays for, and what holds it back." />
      <div className="grid items-start gap-5 lg:grid-cols-5">
        <div className="grid gap-5 lg:col-span-3">
          <MonthSection organizationSlug={organizationSlug} initial={month} />
          <InvoiceSection organizationSlug={organizationSlug} list={list} plan={overview.plan} />
        </div>
        <div className="grid gap-5 lg:col-span-2">
          <PlanSection organizationSlug={organizationSlug} overview={overview} />
          <CapSection organizationSlug={organizationSlug} initial={month} canWrite={overview.canWrite} />
          <AlertSection
            organizationSlug={organizationSlug}
            shares={overview.alertShares}
            alerts={alerts}
            canWrite={overview.canWrite}
          />
          <PaymentSection organizationSlug={organizationSlug} overview={overview} />
        </div>
        <div className="min-w-0 lg:col-span-5">
          <FloodDrill organizationSlug={organizationSlug} />
        </div>
      </div>
    </>
  );
}
