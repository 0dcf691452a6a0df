"use client";

import { useMutation } from "@tanstack/react-query";
import { useRouter } from "next/navigation";
import { toast } from "sonner";
import { useTRPC } from "#app/_trpc/client.tsx";
import { failureOf } from "#app/_trpc/failure.ts";
import { DeleteByName } from "#app/_ui/delete-by-name.tsx";
import type { NamespaceOf } from "./namespace-of.ts";

export function DeleteNamespace({ organization, namespaceId, name }: NamespaceOf & { name: string }) {
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
  return (
    <DeleteByName
      name={name}
      label="Delete namespace"
      description="All its keys go with it. This can't be undone."
      error={remove.error ? failureOf(remove.error).message : null}
      isBusy={remove.isPending || remove.isSuccess}
      onDelete={() => remove.mutate({ organizationSlug: organization, namespaceId, name })}
    />
  );
}
