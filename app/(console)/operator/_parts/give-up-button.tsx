"use client";

import { useMutation } from "@tanstack/react-query";
import { useRouter } from "next/navigation";
import { useState } from "react";
import { useTRPC } from "#app/_trpc/client.tsx";
import { failureOf } from "#app/_trpc/failure.ts";
import { Button } from "#app/_ui/button.tsx";
import { Dialog, DialogActions, DialogClose } from "#app/_ui/dialog.tsx";
import { Notice } from "#app/_ui/notice.tsx";

export function GiveUpButton({ epoch }: { epoch: bigint }) {
  const router = useRouter();
  const api = useTRPC();
  const [isOpen, setOpen] = useState(false);
  const giveUp = useMutation(
    api.operator.giveUpEpoch.mutationOptions({
      onSuccess() {
        setOpen(false);
        router.refresh();
      },
    }),
  );
  return (
    <Dialog
      title={`Give up the journal of life ${epoch}`}
      description="Only where its disk is lost. Hours close without it; should it turn up after all, what it holds comes as late usage."
      open={isOpen}
      onOpenChange={setOpen}
      trigger={<Button size="small">Give up…</Button>}
    >
      {giveUp.error ? <Notice tone="danger">{failureOf(giveUp.error).message}</Notice> : null}
      <DialogActions>
        <DialogClose>
          <Button>Cancel</Button>
        </DialogClose>
        <Button variant="danger" isBusy={giveUp.isPending} onClick={() => giveUp.mutate({ epoch })}>
          Give up
        </Button>
      </DialogActions>
    </Dialog>
  );
}
