"use client";

import { useMutation } from "@tanstack/react-query";
import { useRouter } from "next/navigation";
import { useState, type FormEvent } from "react";
import { toast } from "sonner";
import { useTRPC } from "#app/_trpc/client.tsx";
import { failureOf } from "#app/_trpc/failure.ts";
import { Button } from "#app/_ui/button.tsx";
import { Dialog, DialogActions, DialogClose } from "#app/_ui/dialog.tsx";
import { Field } from "#app/_ui/field.tsx";
import { Input } from "#app/_ui/input.tsx";
import { Notice } from "#app/_ui/notice.tsx";
import { writeDraft } from "../_workspace/draft.ts";

export function DeleteFunction({ organization, name }: { organization: string; name: string }) {
  const [typed, setTyped] = useState("");
  const trpc = useTRPC();
  const router = useRouter();
  const remove = useMutation(
    trpc.function.delete.mutationOptions({
      onSuccess: () => {
        writeDraft(organization, name, null);
        toast.success(`${name} is deleted`);
        router.push(`/${organization}/functions`);
        router.refresh();
      },
    }),
  );

  function submit(event: FormEvent) {
    event.preventDefault();
    if (typed === name) remove.mutate({ organizationSlug: organization, name });
  }

  return (
    <Dialog
      title={`Delete ${name}?`}
      description="This can't be undone."
      trigger={<Button variant="danger">Delete function</Button>}
    >
      <form onSubmit={submit} className="grid gap-3">
        <Field label={`Type ${name} to confirm`}>
          {(control) => (
            <Input
              {...control}
              value={typed}
              onChange={(event) => setTyped(event.target.value)}
              autoComplete="off"
              autoCapitalize="none"
              spellCheck={false}
            />
          )}
        </Field>
        {remove.error ? <Notice tone="danger">{failureOf(remove.error).message}</Notice> : null}
        <DialogActions>
          <DialogClose>
            <Button>Cancel</Button>
          </DialogClose>
          <Button
            type="submit"
            variant="danger"
            disabled={typed !== name}
            isBusy={remove.isPending || remove.isSuccess}
          >
            Delete {name}
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
