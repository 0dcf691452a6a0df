"use client";

import { useMutation } from "@tanstack/react-query";
import { useRouter } from "next/navigation";
import { toast } from "sonner";
import { useTRPC } from "#app/_trpc/client.tsx";
import { Button } from "#app/_ui/button.tsx";

/** Lets a held invoice be compared once more. */
export function LookAgain({ invoiceId }: { invoiceId: string }) {
  const [api, router] = [useTRPC(), useRouter()];
  const look = useMutation(
    api.reconciliation.lookAgain.mutationOptions({
      onSuccess: ({ step }) => {
        if (step === "closed") toast.success("Both sides agree now: the invoice is final.");
        else toast("It still differs, and is held.");
        router.refresh();
      },
      onError: (error) => toast.error(error.message),
    }),
  );
  return (
    <Button size="small" disabled={look.isPending} onClick={() => look.mutate({ invoiceId })}>
      Look again
    </Button>
  );
}

/** Lets usage of an organization be told again. */
export function Unpark({ organizationSlug }: { organizationSlug: string }) {
  const [api, router] = [useTRPC(), useRouter()];
  const unpark = useMutation(
    api.reconciliation.unpark.mutationOptions({
      onSuccess: () => {
        toast.success("Its usage is told again.");
        router.refresh();
      },
      onError: (error) => toast.error(error.message),
    }),
  );
  return (
    <Button size="small" disabled={unpark.isPending} onClick={() => unpark.mutate({ organizationSlug })}>
      Try again
    </Button>
  );
}
