"use client";

import { useMutation } from "@tanstack/react-query";
import { useRouter } from "next/navigation";
import { useTRPC } from "#app/_trpc/client.tsx";
import { failureOf } from "#app/_trpc/failure.ts";
import { Button } from "#app/_ui/button.tsx";
import { ReasonDialog } from "./reason-dialog.tsx";

type State = "draft" | "held" | "open" | "paid" | "void" | "uncollectible";
type Step = "open" | "paid" | "void" | "uncollectible";

const stepsFrom: Record<State, readonly Step[]> = {
  draft: [],
  held: ["open", "void"],
  open: ["paid", "void", "uncollectible"],
  uncollectible: ["paid", "void"],
  paid: [],
  void: [],
};

const words: Record<Step, { label: string; description: string }> = {
  open: { label: "Release", description: "It is to be paid after all: you have looked at what held it." },
  paid: { label: "Mark paid", description: "The money came another way, such as by wire." },
  void: { label: "Void", description: "Nothing is owed for it any more, and credits that it took come back." },
  uncollectible: { label: "Give up", description: "It is no longer expected to be paid. It still can be." },
};

export function InvoiceSteps({ number, state, reason }: { number: string | null; state: State; reason: string }) {
  return (
    <div className="flex flex-wrap items-center gap-1.5">
      <span className="mr-1 capitalize" title={reason}>
        {state}
      </span>
      {number === null ? null : stepsFrom[state].map((to) => <StepButton key={to} number={number} to={to} />)}
    </div>
  );
}

function StepButton({ number, to }: { number: string; to: Step }) {
  const router = useRouter();
  const api = useTRPC();
  const change = useMutation(api.operator.changeInvoice.mutationOptions({ onSuccess: () => router.refresh() }));
  const { label, description } = words[to];
  return (
    <ReasonDialog
      title={`${label}: ${number}`}
      description={description}
      label={label}
      trigger={<Button size="small">{label}</Button>}
      error={change.error ? failureOf(change.error).message : null}
      isBusy={change.isPending}
      onConfirm={(reason) => change.mutateAsync({ number, to, reason })}
    />
  );
}
