"use client";

import { useMutation } from "@tanstack/react-query";
import { CreditCard } from "lucide-react";
import { useTRPC } from "#app/_trpc/client.tsx";
import { failureOf } from "#app/_trpc/failure.ts";
import { Button } from "#app/_ui/button.tsx";
import { Section } from "#app/_ui/card.tsx";
import { Notice } from "#app/_ui/notice.tsx";
import type { Overview } from "./billing-data.ts";

export function PaymentSection({ organizationSlug, overview }: { organizationSlug: string; overview: Overview }) {
  const { payment, canWrite } = overview;
  return (
    <Section title="Payment method">
      {payment.card ? (
        <p className="flex items-center gap-2.5 text-sm">
          <CreditCard aria-hidden className="size-4 text-muted" />
          <span className="font-medium capitalize">{payment.card.brand}</span>
          <span className="tabular-nums">ending in {payment.card.last4}</span>
          <span className="text-muted">expires {payment.card.expires}</span>
        </p>
      ) : (
        <p className="text-[13px] text-muted">
          {payment.collects
            ? "None yet. Pro needs a card; it is kept by Stripe and never reaches this server."
            : "None is needed: this installation collects no money by itself. Its invoices say what is owed, and its operator says how to pay."}
        </p>
      )}
      {payment.collects && canWrite ? (
        <ProviderButtons organizationSlug={organizationSlug} hasCard={payment.card !== null} />
      ) : null}
    </Section>
  );
}

function ProviderButtons({ organizationSlug, hasCard }: { organizationSlug: string; hasCard: boolean }) {
  const api = useTRPC();
  const follow = { onSuccess: ({ url }: { url: string }) => window.location.assign(url) };
  const setup = useMutation(api.billing.cardSetup.mutationOptions(follow));
  const portal = useMutation(api.billing.portal.mutationOptions(follow));
  const error = setup.error ?? portal.error;
  return (
    <div className="mt-3 grid gap-3">
      <div className="flex flex-wrap gap-2">
        <Button isBusy={setup.isPending} onClick={() => setup.mutate({ organizationSlug })}>
          {hasCard ? "Use another card" : "Add a card"}
        </Button>
        {hasCard ? (
          <Button variant="ghost" isBusy={portal.isPending} onClick={() => portal.mutate({ organizationSlug })}>
            Manage at Stripe
          </Button>
        ) : null}
      </div>
      {error ? <Notice tone="danger">{failureOf(error).message}</Notice> : null}
    </div>
  );
}
