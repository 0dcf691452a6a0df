"use client";

import { useMutation } from "@tanstack/react-query";
import { Pause, Play } from "lucide-react";
import { useRouter } from "next/navigation";
import { toast } from "sonner";
import { useTRPC } from "#app/_trpc/client.tsx";
import { failureOf } from "#app/_trpc/failure.ts";
import { Button } from "#app/_ui/button.tsx";
import { ReasonDialog } from "./reason-dialog.tsx";

export function PauseButton({ organizationSlug, isPaused }: { organizationSlug: string; isPaused: boolean }) {
  const router = useRouter();
  const api = useTRPC();
  const pause = useMutation(api.operator.pause.mutationOptions({ onSuccess: () => router.refresh() }));
  const release = useMutation(
    api.operator.release.mutationOptions({
      onSuccess: () => router.refresh(),
      onError: (thrown) => toast.error(failureOf(thrown).message),
    }),
  );
  if (isPaused) {
    return (
      <Button variant="primary" isBusy={release.isPending} onClick={() => release.mutate({ organizationSlug })}>
        <Play aria-hidden /> Release
      </Button>
    );
  }
  return (
    <ReasonDialog
      title="Pause this organization"
      description="Its functions answer 402 with the reason. Its pages, exports and settings go on working."
      label="Pause"
      variant="danger"
      trigger={
        <Button variant="danger">
          <Pause aria-hidden /> Pause
        </Button>
      }
      error={pause.error ? failureOf(pause.error).message : null}
      isBusy={pause.isPending}
      onConfirm={(reason) => pause.mutateAsync({ organizationSlug, reason })}
    />
  );
}
