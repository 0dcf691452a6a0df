"use client";

import { useMutation } from "@tanstack/react-query";
import { useRouter } from "next/navigation";
import { toast } from "sonner";
import { useTRPC } from "#app/_trpc/client.tsx";
import { failureOf } from "#app/_trpc/failure.ts";
import { DeleteByName } from "#app/_ui/delete-by-name.tsx";
import { writeDraft } from "../_workspace/draft.ts";

export function DeleteFunction({ organization, name }: { organization: string; name: string }) {
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
  return (
    <DeleteByName
      name={name}
      label="Delete function"
      description="This can't be undone."
      error={remove.error ? failureOf(remove.error).message : null}
      isBusy={remove.isPending || remove.isSuccess}
      onDelete={() => remove.mutate({ organizationSlug: organization, name })}
    />
  );
}
