"use client";

import { useMutation } from "@tanstack/react-query";
import { useRouter } from "next/navigation";
import { useState } from "react";
import { toast } from "sonner";
import { useTRPC } from "#app/_trpc/client.tsx";
import { failureOf } from "#app/_trpc/failure.ts";
import { Button } from "#app/_ui/button.tsx";
import { Dialog, DialogActions, DialogClose } from "#app/_ui/dialog.tsx";
import { Notice } from "#app/_ui/notice.tsx";

export function RevokeKey({ organization, id, name }: { organization: string; id: string; name: string }) {
  const [isOpen, setOpen] = useState(false);
  const trpc = useTRPC();
  const router = useRouter();
  const revoke = useMutation(
    trpc.s3Key.revoke.mutationOptions({
      onSuccess: () => {
        setOpen(false);
        toast.success(`${name} is revoked`);
        router.refresh();
      },
    }),
  );
  return (
    <Dialog
      title={`Revoke ${name}?`}
      description="Whoever uses this key is refused from the next request on. This can't be undone."
      open={isOpen}
      onOpenChange={setOpen}
      trigger={
        <Button variant="danger" size="small" aria-label={`Revoke ${name}`}>
          Revoke
        </Button>
      }
    >
      {revoke.error ? <Notice tone="danger">{failureOf(revoke.error).message}</Notice> : null}
      <DialogActions>
        <DialogClose>
          <Button>Cancel</Button>
        </DialogClose>
        <Button
          variant="danger"
          isBusy={revoke.isPending}
          onClick={() => revoke.mutate({ organizationSlug: organization, id })}
        >
          Revoke key
        </Button>
      </DialogActions>
    </Dialog>
  );
}
