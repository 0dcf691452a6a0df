import type { Metadata } from "next";
import type { ReactNode } from "react";
import { caller, orForbidden, orNotFound } from "#app/_trpc/caller.ts";
import { SkipLink } from "#app/_ui/skip-link.tsx";
import { AlertBar } from "./_shell/alert-bar.tsx";
import { Shell } from "./_shell/shell.tsx";

type Props = { params: Promise<{ organization: string }> };

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  const { organization } = await params;
  return { title: { default: organization, template: `%s · ${organization} · Sluice` } };
}

export default async function OrganizationLayout({ params, children }: Props & { children: ReactNode }) {
  const { organization: organizationSlug } = await params;
  const api = await caller();
  const { user, memberships } = await orNotFound(api.organization.mine());
  const organization = await orNotFound(api.organization.get({ organizationSlug }));
  const alert = await orForbidden(api.billing.standingAlert({ organizationSlug }));
  return (
    <>
      <SkipLink />
      <Shell
        organization={organization}
        organizations={memberships.map((each) => ({ slug: each.organization.slug, name: each.organization.name }))}
        user={user}
      >
        {alert ? <AlertBar organizationSlug={organizationSlug} alert={alert} /> : null}
        {children}
      </Shell>
    </>
  );
}
