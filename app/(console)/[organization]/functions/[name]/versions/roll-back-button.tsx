"use client";

import { useMutation } from "@tanstack/react-query";
import { useRouter } from "next/navigation";
import { toast } from "sonner";
import { useTRPC } from "#app/_trpc/client.tsx";
import { failureOf } from "#app/_trpc/failure.ts";
import { Button } from "#app/_ui/button.tsx";
import { outcomeText } from "../_workspace/outcome.ts";

export function RollBackButton({ organization, name, number }: { organization: string; name: string; number: number }) {
  const trpc = useTRPC();
  const router = useRouter();
  const rollBack = useMutation(
    trpc.function.rollback.mutationOptions({
      onSuccess: (outcome) => {
        if (outcome.kind === "deployed")
          toast.success(`Version ${number} serves again, after ${Math.round(outcome.durationMs)} ms`);
        else toast.error(outcomeText(outcome));
        router.refresh();
      },
      onError: (thrown) => toast.error(failureOf(thrown).message),
    }),
  );
  return (
    <Button
      size="small"
      isBusy={rollBack.isPending}
      onClick={() => rollBack.mutate({ organizationSlug: organization, name, number })}
    >
      Roll back to this version
    </Button>
  );
}
