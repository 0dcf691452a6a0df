"use client";

import { useMutation, useQuery } from "@tanstack/react-query";
import { useRouter } from "next/navigation";
import { toast } from "sonner";
import { useTRPC } from "#app/_trpc/client.tsx";
import { failureOf } from "#app/_trpc/failure.ts";
import { Button } from "#app/_ui/button.tsx";
import { DialogActions, DialogClose } from "#app/_ui/dialog.tsx";
import { Notice } from "#app/_ui/notice.tsx";
import { formatBytes } from "#app/_ui/quantity.ts";
import { Spinner } from "#app/_ui/spinner.tsx";
import { EntryForm } from "./entry-form.tsx";
import { shownKey, type NamespaceOf } from "./namespace-of.ts";

/** One key as it is now, to look at and to edit. */
export function KeyEntry({
  organization,
  namespaceId,
  name,
  canWrite,
  onDone,
}: NamespaceOf & { name: string; canWrite: boolean; onDone: () => void }) {
  const trpc = useTRPC();
  const router = useRouter();
  const of = { organizationSlug: organization, namespaceId };
  // Functions may write it at any moment: what was read when it was last opened counts for nothing.
  const options = { gcTime: 0, staleTime: 0, refetchOnWindowFocus: false };
  const { data: entry, error } = useQuery(trpc.kv.entry.queryOptions({ ...of, key: name }, options));
  const remove = useMutation(
    trpc.kv.remove.mutationOptions({
      onSuccess: () => {
        toast.success(`${shownKey(name)} is deleted`);
        onDone();
        router.refresh();
      },
    }),
  );
  if (error) return <Notice tone="danger">{failureOf(error).message}</Notice>;
  if (entry === undefined) return <Spinner />;
  if (entry === null) return <Notice>This key is no longer there: it was deleted, or has expired.</Notice>;
  const deleteKey = canWrite ? (
    <Button
      variant="danger"
      isBusy={remove.isPending || remove.isSuccess}
      onClick={() => remove.mutate({ ...of, key: name })}
    >
      Delete key
    </Button>
  ) : null;
  const failure = remove.error ? <Notice tone="danger">{failureOf(remove.error).message}</Notice> : null;
  if (entry.value === null) {
    return (
      <div className="grid gap-3">
        <Notice>
          {`${formatBytes(BigInt(entry.valueBytes))}, too large to show here or no text. The export has it.`}
        </Notice>
        {failure}
        <DialogActions>
          {deleteKey}
          <DialogClose>
            <Button>Close</Button>
          </DialogClose>
        </DialogActions>
      </div>
    );
  }
  return (
    <div className="grid gap-3">
      <EntryForm
        organization={organization}
        namespaceId={namespaceId}
        before={{ key: name, value: entry.value, metadata: entry.metadata, expiresAtS: entry.expiresAtS }}
        isReadOnly={!canWrite}
        actions={deleteKey}
        onDone={onDone}
      />
      {failure}
    </div>
  );
}
