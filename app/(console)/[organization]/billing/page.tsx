import type { Metadata } from "next";
import Link from "next/link";
import { caller, orForbidden, orNotFound } from "#app/_trpc/caller.ts";
import { Badge } from "#app/_ui/badge.tsx";
import { Section } from "#app/_ui/card.tsx";
import { meters } from "#app/_ui/meters.ts";
import { Notice } from "#app/_ui/notice.tsx";
import { PageHeader } from "#app/_ui/page-header.tsx";
import { FloodDrill } from "./_drill/flood-drill.tsx";

export const metadata: Metadata = { title: "Billing" };

export default async function BillingPage({ params }: { params: Promise<{ organization: string }> }) {
  const { organization: organizationSlug } = await params;
  const api = await caller();
  const overview = await orForbidden(orNotFound(api.billing.overview({ organizationSlug })));
  const plan = overview?.plans.find(({ name }) => name === overview.plan);
  if (!overview || !plan) {
    return (
      <>
        <PageHeader title="Billing" />
        <Notice>Your role here does not show you the bill. Ask an owner for the role billing.</Notice>
      </>
    );
  }
  const month = await api.billing.month({ organizationSlug });
  return (
    <>
      <PageHeader title="Billing" description="What this organization pays for, and what holds it back." />
      {month.stoppedBecause === null ? null : (
        <div className="mb-5">
          <Notice tone="danger">{month.stoppedBecause}</Notice>
        </div>
      )}
      <div className="grid gap-5 lg:grid-cols-2">
        <Section title="Plan" actions={<Badge tone="accent">{plan.title}</Badge>}>
          <p className="text-sm">
            <strong className="text-xl font-semibold tracking-tight">{plan.monthlyFee}</strong>{" "}
            <span className="text-muted">a month, with</span>
          </p>
          <dl className="mt-3 grid grid-cols-2 gap-x-4 gap-y-2">
            {plan.meters.map(({ meter, included }) => (
              <div key={meter} className="flex flex-wrap justify-between gap-x-2 text-[13px]">
                <dt className="text-muted">{meters[meter].title}</dt>
                <dd className="font-medium tabular-nums">{meters[meter].format(included)}</dd>
              </div>
            ))}
          </dl>
          <p className="mt-3 text-[13px] text-muted">
            <Link href="/pricing" className="text-accent underline-offset-4 hover:underline">
              All prices
            </Link>
          </p>
        </Section>
        <Section title="This month">
          <p className="text-xl font-semibold tracking-tight tabular-nums">{month.total}</p>
          <p className="text-[13px] text-muted">due so far</p>
          <dl className="mt-3 grid gap-1.5 text-[13px]">
            {month.lines.map(({ meter, used, cost }) => (
              <div key={meter} className="flex justify-between gap-3">
                <dt className="text-muted">
                  {meters[meter].title}: {meters[meter].format(used)}
                </dt>
                <dd className="tabular-nums">{cost}</dd>
              </div>
            ))}
          </dl>
        </Section>
        <Section title="Spending cap">
          {plan.overage === "stops" ? (
            <>
              <p className="text-xl font-semibold tracking-tight">$0.00</p>
              <p className="mt-1 text-[13px] text-muted">
                The {plan.title} plan never bills. When a meter passes what is included, functions answer 402 with the
                reason until the next month begins. That is checked every couple of seconds, so a burst may run a little
                past it: reserving before each request, and caps of your own for plans that bill, come with a later
                release.
              </p>
            </>
          ) : (
            <p className="text-[13px] text-muted">Usage past what is included is billed at list price.</p>
          )}
        </Section>
        <Section title="Payment method">
          <p className="text-[13px] text-muted">
            None, and none is needed on {plan.title}. Cards and paid plans come with a later release, once the operator
            gives this installation a Stripe key.
          </p>
        </Section>
        <FloodDrill organizationSlug={organizationSlug} />
        <div className="lg:col-span-2">
          <Section title="Invoices">
            <p className="text-[13px] text-muted">
              None. An invoice appears here when a month costs something; on {plan.title} none does.
            </p>
          </Section>
        </div>
      </div>
    </>
  );
}
