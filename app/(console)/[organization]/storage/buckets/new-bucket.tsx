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

export function NewBucket({ organization }: { organization: string }) {
  return (
    <Dialog
      title="New bucket"
      trigger={
        <Button variant="primary">
          <Plus aria-hidden /> New bucket
        </Button>
      }
    >
      <NewBucketForm organization={organization} />
    </Dialog>
  );
}

function NewBucketForm({ organization }: { organization: string }) {
  const router = useRouter();
  const trpc = useTRPC();
  const [name, setName] = useState("");
  const create = useMutation(
    trpc.bucket.create.mutationOptions({
      onSuccess: (_, made) => router.push(`/${organization}/storage/buckets/${made.name}`),
    }),
  );
  const failure = create.error ? failureOf(create.error) : null;

  function submit(event: FormEvent) {
    event.preventDefault();
    create.mutate({ organizationSlug: organization, name: name.trim() });
  }

  return (
    <form onSubmit={submit} noValidate className="grid gap-4">
      <Field
        label="Name"
        error={failure?.field === "name" ? failure.message : null}
        hint="3 to 63 lower-case letters, digits, dots and hyphens. It can't be changed later."
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
            maxLength={63}
            placeholder="photos"
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
