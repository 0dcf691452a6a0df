import type { Metadata } from "next";
import { caller, orNotFound } from "#app/_trpc/caller.ts";
import { Notice } from "#app/_ui/notice.tsx";
import { PageHeader } from "#app/_ui/page-header.tsx";
import { ExchangeStanding } from "./exchange-standing.tsx";
import { OrganizationAccount } from "./organization-account.tsx";
import { OrganizationSearch } from "./organization-search.tsx";

export const metadata: Metadata = { title: "Reconciliation" };

type Search = { searchParams: Promise<{ organization?: string | string[] }> };

/** For operators: the ledger held against Stripe. To others it is not there. */
export default async function ReconciliationPage({ searchParams }: Search) {
  const { organization } = await searchParams;
  const organizationSlug = typeof organization === "string" ? organization.trim() : "";
  const api = await caller();
  const standing = await orNotFound(api.reconciliation.standing());
  const account =
    standing && organizationSlug !== ""
      ? await orNotFound(api.reconciliation.organization({ organizationSlug }))
      : null;
  return (
    <>
      <PageHeader title="Reconciliation" description="What the ledger has, held against what Stripe has." />
      {standing ? (
        <div className="grid gap-5">
          <ExchangeStanding standing={standing} />
          <OrganizationSearch slug={organizationSlug} />
          {account ? <OrganizationAccount account={account} /> : null}
        </div>
      ) : (
        <Notice>
          This installation has no Stripe key, so there is nothing to hold the ledger against. Its invoices are its own.
        </Notice>
      )}
    </>
  );
}
