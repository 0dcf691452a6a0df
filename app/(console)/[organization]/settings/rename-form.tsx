"use client";

import { formText } from "#app/_ui/form-text.ts";
import { useMutation } from "@tanstack/react-query";
import { useRouter } from "next/navigation";
import { toast } from "sonner";
import { useTRPC } from "#app/_trpc/client.tsx";
import { failureOf } from "#app/_trpc/failure.ts";
import { Button } from "#app/_ui/button.tsx";
import { Field } from "#app/_ui/field.tsx";
import { Input } from "#app/_ui/input.tsx";

export function RenameForm({
  organizationSlug,
  name,
  canRename,
}: {
  organizationSlug: string;
  name: string;
  canRename: boolean;
}) {
  const router = useRouter();
  const api = useTRPC();
  const rename = useMutation(
    api.organization.rename.mutationOptions({
      onSuccess() {
        toast.success("Name saved");
        router.refresh();
      },
    }),
  );
  return (
    <form
      noValidate
      className="flex max-w-lg flex-wrap items-start gap-3"
      onSubmit={(event) => {
        event.preventDefault();
        rename.mutate({ organizationSlug, name: formText(new FormData(event.currentTarget), "name") });
      }}
    >
      <div className="min-w-56 flex-1">
        <Field
          label="Name"
          error={rename.error ? failureOf(rename.error).message : null}
          {...(canRename ? {} : { hint: "Owners and admins can change it." })}
        >
          {(control) => <Input {...control} name="name" defaultValue={name} disabled={!canRename} autoComplete="off" />}
        </Field>
      </div>
      {canRename ? (
        <Button type="submit" isBusy={rename.isPending} className="sm:mt-[1.6rem] sm:h-9">
          Save
        </Button>
      ) : null}
    </form>
  );
}
