"use client";

import { useMutation } from "@tanstack/react-query";
import { Trash2 } from "lucide-react";
import { useRouter } from "next/navigation";
import { useState } from "react";
import { toast } from "sonner";
import { useTRPC } from "#app/_trpc/client.tsx";
import { failureOf } from "#app/_trpc/failure.ts";
import { Button } from "#app/_ui/button.tsx";
import { Dialog, DialogActions, DialogClose } from "#app/_ui/dialog.tsx";
import { Notice } from "#app/_ui/notice.tsx";

export function DeleteObject({
  organization,
  bucket,
  objectKey,
  name,
}: {
  organization: string;
  bucket: string;
  objectKey: string;
  name: string;
}) {
  const [isOpen, setOpen] = useState(false);
  const trpc = useTRPC();
  const router = useRouter();
  const remove = useMutation(
    trpc.bucket.deleteObjects.mutationOptions({
      onSuccess: () => {
        setOpen(false);
        toast.success(`${name} is deleted`);
        router.refresh();
      },
    }),
  );
  return (
    <Dialog
      title={`Delete ${name}?`}
      description="This can't be undone."
      open={isOpen}
      onOpenChange={setOpen}
      trigger={
        <Button variant="ghost" size="icon" aria-label={`Delete ${name}`}>
          <Trash2 aria-hidden />
        </Button>
      }
    >
      {remove.error ? <Notice tone="danger">{failureOf(remove.error).message}</Notice> : null}
      <DialogActions>
        <DialogClose>
          <Button>Cancel</Button>
        </DialogClose>
        <Button
          variant="danger"
          isBusy={remove.isPending}
          onClick={() => remove.mutate({ organizationSlug: organization, bucket, keys: [objectKey] })}
        >
          Delete object
        </Button>
      </DialogActions>
    </Dialog>
  );
}
