import type { Metadata } from "next";
import type { ReactNode } from "react";
import { caller, orNotFound } from "#app/_trpc/caller.ts";
import { SkipLink } from "#app/_ui/skip-link.tsx";
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
  return (
    <>
      <SkipLink />
      <Shell
        organization={organization}
        organizations={memberships.map((each) => ({ slug: each.organization.slug, name: each.organization.name }))}
        user={{ name: user.name, email: user.email }}
      >
        {children}
      </Shell>
    </>
  );
}
