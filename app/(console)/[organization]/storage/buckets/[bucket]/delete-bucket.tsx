"use client";

import { useMutation } from "@tanstack/react-query";
import { useRouter } from "next/navigation";
import { toast } from "sonner";
import { useTRPC } from "#app/_trpc/client.tsx";
import { failureOf } from "#app/_trpc/failure.ts";
import { Button } from "#app/_ui/button.tsx";
import { Dialog, DialogActions, DialogClose } from "#app/_ui/dialog.tsx";
import { Notice } from "#app/_ui/notice.tsx";

export function DeleteBucket({
  organization,
  bucket,
  isEmpty,
}: {
  organization: string;
  bucket: string;
  isEmpty: boolean;
}) {
  const trpc = useTRPC();
  const router = useRouter();
  const remove = useMutation(
    trpc.bucket.delete.mutationOptions({
      onSuccess: () => {
        toast.success(`${bucket} is deleted`);
        router.push(`/${organization}/storage/buckets`);
        router.refresh();
      },
    }),
  );
  return (
    <Dialog
      title={`Delete ${bucket}?`}
      description="With it go its access keys, and uploads in parts that were not completed. This can't be undone."
      trigger={<Button variant="danger">Delete bucket</Button>}
    >
      {isEmpty ? null : <Notice tone="warning">Only an empty bucket can be deleted. Delete its objects first.</Notice>}
      {remove.error ? <Notice tone="danger">{failureOf(remove.error).message}</Notice> : null}
      <DialogActions>
        <DialogClose>
          <Button>Cancel</Button>
        </DialogClose>
        <Button
          variant="danger"
          disabled={!isEmpty}
          isBusy={remove.isPending || remove.isSuccess}
          onClick={() => remove.mutate({ organizationSlug: organization, bucket })}
        >
          Delete {bucket}
        </Button>
      </DialogActions>
    </Dialog>
  );
}
