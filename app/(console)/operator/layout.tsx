import { Wrench } from "lucide-react";
import type { Metadata } from "next";
import { notFound } from "next/navigation";
import type { ReactNode } from "react";
import { caller, orNotFound } from "#app/_trpc/caller.ts";
import { SkipLink } from "#app/_ui/skip-link.tsx";
import { OperatorShell } from "./_parts/operator-shell.tsx";

export const metadata: Metadata = { title: { default: "Operator", template: "%s · Operator · Sluice" } };

/** For operators of the installation only; to everybody else there is nothing here. */
export default async function OperatorLayout({ children }: { children: ReactNode }) {
  const api = await caller();
  const { user, memberships } = await orNotFound(api.organization.mine());
  if (!user.isOperator) notFound();
  const home = memberships[0]?.organization;
  return (
    <>
      <SkipLink />
      <OperatorShell home={home ? { slug: home.slug, name: home.name } : null}>
        <p className="mb-4 flex items-center gap-2 text-[13px] text-muted">
          <Wrench aria-hidden className="size-4" /> The whole installation. What you change here is written down.
        </p>
        {children}
      </OperatorShell>
    </>
  );
}
