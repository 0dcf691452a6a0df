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
import type { NamespaceOf } from "./namespace-of.ts";

export function DeleteNamespace({ organization, namespaceId, name }: NamespaceOf & { name: string }) {
  const [typed, setTyped] = useState("");
  const trpc = useTRPC();
  const router = useRouter();
  const remove = useMutation(
    trpc.kv.delete.mutationOptions({
      onSuccess: () => {
        toast.success(`${name} is deleted`);
        router.push(`/${organization}/storage`);
        router.refresh();
      },
    }),
  );

  function submit(event: FormEvent) {
    event.preventDefault();
    if (typed === name) remove.mutate({ organizationSlug: organization, namespaceId, name });
  }

  return (
    <Dialog
      title={`Delete ${name}?`}
      description="All its keys go with it. This can't be undone."
      trigger={<Button variant="danger">Delete namespace</Button>}
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
