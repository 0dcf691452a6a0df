import type { Metadata } from "next";
import Link from "next/link";
import { caller, orNotFound } from "#app/_trpc/caller.ts";
import { Card } from "#app/_ui/card.tsx";
import { Logo } from "#app/_ui/logo.tsx";
import { NewOrganizationForm } from "./new-organization-form.tsx";

export const metadata: Metadata = { title: "New organization" };

export default async function NewOrganizationPage() {
  const api = await caller();
  const { user, memberships } = await orNotFound(api.organization.mine());
  const first = memberships[0];
  return (
    <main id="content" className="mx-auto w-full max-w-[25rem] px-4 py-12 sm:py-20">
      <Logo className="mb-4 size-8" />
      <Card className="p-5 sm:p-6">
        <h1 className="text-lg font-semibold tracking-tight">New organization</h1>
        <p className="mt-0.5 mb-5 text-[13px] text-muted">
          It holds functions and what they used. You, {user.name}, will own it.
        </p>
        <NewOrganizationForm />
      </Card>
      {first ? (
        <p className="mt-4 text-center text-[13px]">
          <Link
            href={`/${first.organization.slug}`}
            className="font-medium text-accent underline-offset-4 hover:underline"
          >
            Back to {first.organization.name}
          </Link>
        </p>
      ) : null}
    </main>
  );
}
