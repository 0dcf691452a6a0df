"use client";

import { useMutation } from "@tanstack/react-query";
import { Plus } from "lucide-react";
import { useRouter } from "next/navigation";
import { useState, type FormEvent } from "react";
import { useTRPC } from "#app/_trpc/client.tsx";
import { failureOf } from "#app/_trpc/failure.ts";
import { Button } from "#app/_ui/button.tsx";
import { Dialog, DialogActions, DialogClose } from "#app/_ui/dialog.tsx";
import { Field } from "#app/_ui/field.tsx";
import { Input } from "#app/_ui/input.tsx";
import { Notice } from "#app/_ui/notice.tsx";

export function NewNamespace({ organization }: { organization: string }) {
  return (
    <Dialog
      title="New namespace"
      description="Bind it to a function in the function's settings."
      trigger={
        <Button variant="primary">
          <Plus aria-hidden /> New namespace
        </Button>
      }
    >
      <NewNamespaceForm organization={organization} />
    </Dialog>
  );
}

function NewNamespaceForm({ organization }: { organization: string }) {
  const router = useRouter();
  const trpc = useTRPC();
  const [name, setName] = useState("");
  const create = useMutation(
    trpc.kv.create.mutationOptions({ onSuccess: (id) => router.push(`/${organization}/storage/keys/${id}`) }),
  );
  const failure = create.error ? failureOf(create.error) : null;

  function submit(event: FormEvent) {
    event.preventDefault();
    create.mutate({ organizationSlug: organization, name });
  }

  return (
    <form onSubmit={submit} noValidate className="grid gap-4">
      <Field
        label="Name"
        error={failure?.field === "name" ? failure.message : null}
        hint="For people: 1 to 64 characters. Functions have a name of their own for it."
      >
        {(control) => (
          <Input
            {...control}
            name="name"
            value={name}
            onChange={(event) => setName(event.target.value)}
            autoComplete="off"
            autoCapitalize="none"
            spellCheck={false}
            placeholder="sessions"
          />
        )}
      </Field>
      {failure && failure.field !== "name" ? <Notice tone="danger">{failure.message}</Notice> : null}
      <DialogActions>
        <DialogClose>
          <Button>Cancel</Button>
        </DialogClose>
        <Button type="submit" variant="primary" isBusy={create.isPending || create.isSuccess}>
          Create
        </Button>
      </DialogActions>
    </form>
  );
}
