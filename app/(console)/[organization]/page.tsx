import { Plus, SquareFunction } from "lucide-react";
import type { Metadata } from "next";
import Link from "next/link";
import { caller, orForbidden, orNotFound } from "#app/_trpc/caller.ts";
import { Badge } from "#app/_ui/badge.tsx";
import { Button } from "#app/_ui/button.tsx";
import { Section } from "#app/_ui/card.tsx";
import { EmptyState } from "#app/_ui/empty-state.tsx";
import { meters } from "#app/_ui/meters.ts";
import { Notice } from "#app/_ui/notice.tsx";
import { PageHeader } from "#app/_ui/page-header.tsx";
import { formatMoment } from "#app/_ui/quantity.ts";
import { Stat } from "#app/_ui/stat.tsx";

export const metadata: Metadata = { title: "Overview" };

export default async function OverviewPage({ params }: { params: Promise<{ organization: string }> }) {
  const { organization: organizationSlug } = await params;
  const api = await caller();
  const organization = await orNotFound(api.organization.get({ organizationSlug }));
  const [month, functions, deployments] = await Promise.all([
    api.usage.month({ organizationSlug }),
    orForbidden(api.function.list({ organizationSlug })),
    orForbidden(api.deployment.recent({ organizationSlug })),
  ]);
  const functionsHref = `/${organizationSlug}/functions`;
  return (
    <>
      <PageHeader
        title={organization.name}
        description="This month so far"
        actions={
          functions && functions.length > 0 ? (
            <Button asChild variant="primary">
              <Link href={functionsHref}>
                <Plus aria-hidden /> New function
              </Link>
            </Button>
          ) : null
        }
      />
      {month.stoppedBecause === null ? null : (
        <div className="mb-5">
          <Notice tone="danger">{month.stoppedBecause}</Notice>
        </div>
      )}
      <dl className="mb-5 grid grid-cols-2 divide-line overflow-hidden rounded-lg border bg-surface max-sm:[&>*:nth-child(-n+2)]:border-b sm:grid-cols-4 sm:divide-x">
        {month.lines
          .filter((line) => line.meter !== "storage")
          .map((line) => (
            <Stat
              key={line.meter}
              label={meters[line.meter].title}
              value={meters[line.meter].format(line.used)}
              note={`of ${meters[line.meter].format(line.included)} included`}
            />
          ))}
        {month.cost === null ? (
          <Stat label="Worth" value={month.worth} note="at list price" />
        ) : (
          <Stat label="Cost" value={month.cost} note={`list price ${month.worth}`} />
        )}
      </dl>
      {functions?.length === 0 ? (
        <EmptyState
          icon={SquareFunction}
          title="Write your first function"
          action={
            <Button asChild variant="primary">
              <Link href={functionsHref}>
                <Plus aria-hidden /> New function
              </Link>
            </Button>
          }
        >
          Start from a template, edit it in the browser and deploy it. It answers at an address of its own in under a
          second.
        </EmptyState>
      ) : null}
      {functions && functions.length > 0 ? (
        <div className="grid gap-5 lg:grid-cols-2">
          <Section title="Functions" className="p-0">
            <ul className="divide-y">
              {functions.map((each) => (
                <li key={each.id} className="flex items-center gap-3 px-4 py-2.5">
                  <div className="min-w-0 flex-1">
                    <Link href={`${functionsHref}/${each.name}`} className="text-sm font-medium hover:text-accent">
                      {each.name}
                    </Link>
                    <p className="truncate font-mono text-xs text-muted">{each.url}</p>
                  </div>
                  <Badge tone={each.deployedAt ? "success" : "neutral"}>
                    {each.deployedAt ? "Serving" : "Not deployed"}
                  </Badge>
                </li>
              ))}
            </ul>
          </Section>
          <Section title="Recent deployments" className="p-0">
            {deployments && deployments.length > 0 ? (
              <ul className="divide-y">
                {deployments.map((each) => (
                  <li key={each.id} className="flex items-center gap-3 px-4 py-2.5">
                    <div className="min-w-0 flex-1">
                      <p className="text-sm">
                        <Link href={`${functionsHref}/${each.functionName}`} className="font-medium hover:text-accent">
                          {each.functionName}
                        </Link>{" "}
                        <span className="text-muted">version {each.versionNumbers.join(" and ")}</span>
                      </p>
                      <p className="text-xs text-muted">
                        {formatMoment(each.at)}
                        {each.by === null ? "" : ` by ${each.by}`}
                      </p>
                    </div>
                    {each.isServing ? <Badge tone="success">Serving</Badge> : null}
                  </li>
                ))}
              </ul>
            ) : (
              <p className="p-4 text-[13px] text-muted">Nothing has been deployed yet.</p>
            )}
          </Section>
        </div>
      ) : null}
    </>
  );
}
