"use client";

import { useMutation } from "@tanstack/react-query";
import Link from "next/link";
import { useRouter } from "next/navigation";
import { useState } from "react";
import { toast } from "sonner";
import { useTRPC } from "#app/_trpc/client.tsx";
import { failureOf } from "#app/_trpc/failure.ts";
import { Badge } from "#app/_ui/badge.tsx";
import { Button } from "#app/_ui/button.tsx";
import { Section } from "#app/_ui/card.tsx";
import { Dialog, DialogActions, DialogClose } from "#app/_ui/dialog.tsx";
import { meters } from "#app/_ui/meters.ts";
import { Notice } from "#app/_ui/notice.tsx";
import { formatDay } from "#app/_ui/quantity.ts";
import type { Overview } from "./billing-data.ts";

type PlanName = Overview["plan"];

export function PlanSection({ organizationSlug, overview }: { organizationSlug: string; overview: Overview }) {
  const { plan: name, plans, next, canWrite } = overview;
  const plan = plans.find((each) => each.name === name);
  const other = plans.find((each) => each.name !== name);
  if (!plan || !other) return null;
  return (
    <Section title="Plan" actions={<Badge tone="accent">{plan.title}</Badge>}>
      <p>
        <strong className="text-xl font-semibold tracking-tight">{plan.monthlyFee}</strong>{" "}
        <span className="text-muted">a month, with</span>
      </p>
      <dl className="mt-2 grid grid-cols-2 gap-x-5 gap-y-1.5">
        {plan.meters.map(({ meter, included }) => (
          <div key={meter} className="flex flex-wrap justify-between gap-x-2 text-[13px]">
            <dt className="text-muted">{meters[meter].title}</dt>
            <dd className="font-medium tabular-nums">{meters[meter].format(included)}</dd>
          </div>
        ))}
      </dl>
      {next ? (
        <div className="mt-3">
          <Notice>
            {plans.find((each) => each.name === next.plan)?.title} from {formatDay(next.from)} (UTC) on. Until then
            nothing changes.
          </Notice>
        </div>
      ) : null}
      <div className="mt-4 flex flex-wrap items-center justify-between gap-3">
        {canWrite ? (
          <PlanButton organizationSlug={organizationSlug} overview={overview} to={next ? name : other.name} />
        ) : null}
        <Link href="/pricing" className="text-[13px] text-accent underline-offset-4 hover:underline">
          All prices
        </Link>
      </div>
    </Section>
  );
}

function PlanButton({
  organizationSlug,
  overview,
  to,
}: {
  organizationSlug: string;
  overview: Overview;
  to: PlanName;
}) {
  const router = useRouter();
  const api = useTRPC();
  const [isOpen, setOpen] = useState(false);
  const title = overview.plans.find((each) => each.name === to)?.title ?? to;
  const isStaying = to === overview.plan;
  const choose = useMutation(
    api.billing.choosePlan.mutationOptions({
      onSuccess(change) {
        if (change.kind === "payment_required") {
          window.location.assign(change.url);
          return;
        }
        setOpen(false);
        toast.success(
          isStaying ? `${title} goes on` : to === "pro" ? `Changed to ${title}` : `${title} from the next month on`,
        );
        router.refresh();
      },
    }),
  );
  const label = isStaying ? `Stay on ${title}` : `Change to ${title}`;
  return (
    <Dialog
      title={label}
      open={isOpen}
      onOpenChange={setOpen}
      trigger={<Button variant={to === "pro" ? "primary" : "secondary"}>{label}</Button>}
    >
      <Consequences overview={overview} to={to} />
      {choose.error ? (
        <div className="mt-3">
          <Notice tone="danger">{failureOf(choose.error).message}</Notice>
        </div>
      ) : null}
      <DialogActions>
        <DialogClose>
          <Button>Cancel</Button>
        </DialogClose>
        <Button
          variant="primary"
          isBusy={choose.isPending}
          onClick={() => choose.mutate({ organizationSlug, plan: to })}
        >
          Confirm
        </Button>
      </DialogActions>
    </Dialog>
  );
}

/** What is about to happen, with its amounts: nobody should learn of them from an invoice. */
function Consequences({ overview, to }: { overview: Overview; to: PlanName }) {
  const { plan: current, proFeeForRest, plans } = overview;
  const pro = plans.find(({ name }) => name === "pro");
  const points =
    to === current
      ? ["The change that was to come is taken back. Nothing else happens."]
      : to === "pro"
        ? [
            `${pro?.title ?? "Pro"} begins with the hour that runs. Its fee for the rest of this month is ${proFeeForRest}, by the hour; ${pro?.monthlyFee ?? ""} in whole months.`,
            "What was used this month counts towards what Pro includes: nothing is granted twice, and nothing on Free is billed.",
            `Usage beyond that is billed up to your spending cap of ${overview.proCap}, which you can change at any time.`,
          ]
        : [
            "Free begins with the next month (UTC). Until then everything stays as it is, the fee of this month included.",
            "From then on functions stop when what Free includes is used up. Nothing is deleted.",
          ];
  return (
    <ul className="grid list-disc gap-2 pl-5 text-sm">
      {points.map((point) => (
        <li key={point}>{point}</li>
      ))}
    </ul>
  );
}
