"use client";

import { useMutation } from "@tanstack/react-query";
import { useRouter } from "next/navigation";
import { useState, type FormEvent, type ReactNode } from "react";
import { toast } from "sonner";
import { useTRPC } from "#app/_trpc/client.tsx";
import { failureOf } from "#app/_trpc/failure.ts";
import { Button } from "#app/_ui/button.tsx";
import { DialogActions, DialogClose } from "#app/_ui/dialog.tsx";
import { EntryFields } from "./entry-fields.tsx";
import { editOf, fieldsOf, type Before } from "./entry-text.ts";
import { shownKey, type NamespaceOf } from "./namespace-of.ts";

/** A key with its value; `before` is null for one that is to be added. */
export function EntryForm({
  organization,
  namespaceId,
  before,
  isReadOnly = false,
  actions,
  onDone,
}: NamespaceOf & { before: Before | null; isReadOnly?: boolean; actions?: ReactNode; onDone: () => void }) {
  const [fields, setFields] = useState(() => fieldsOf(before));
  const trpc = useTRPC();
  const router = useRouter();
  const put = useMutation(
    trpc.kv.put.mutationOptions({
      onSuccess: () => {
        toast.success(`${shownKey(fields.key)} is saved`);
        onDone();
        router.refresh();
      },
    }),
  );

  function submit(event: FormEvent) {
    event.preventDefault();
    put.mutate({ organizationSlug: organization, namespaceId, ...editOf(fields, before) });
  }

  return (
    <form onSubmit={submit} noValidate className="grid gap-4">
      <EntryFields
        fields={fields}
        onChange={isReadOnly ? null : (part) => setFields({ ...fields, ...part })}
        isNew={before === null}
        failure={put.error ? failureOf(put.error) : null}
      />
      <DialogActions>
        {actions}
        <DialogClose>
          <Button>{isReadOnly ? "Close" : "Cancel"}</Button>
        </DialogClose>
        {isReadOnly ? null : (
          <Button type="submit" variant="primary" isBusy={put.isPending || put.isSuccess}>
            Save
          </Button>
        )}
      </DialogActions>
    </form>
  );
}
