"use client";

import { formText } from "#app/_ui/form-text.ts";
import { useMutation } from "@tanstack/react-query";
import { useTRPC } from "#app/_trpc/client.tsx";
import { failureOf } from "#app/_trpc/failure.ts";
import { Button } from "#app/_ui/button.tsx";
import { Field } from "#app/_ui/field.tsx";
import { Input } from "#app/_ui/input.tsx";

export function NewOrganizationForm() {
  const api = useTRPC();
  const create = useMutation(
    api.organization.create.mutationOptions({ onSuccess: ({ slug }) => window.location.assign(`/${slug}`) }),
  );
  return (
    <form
      noValidate
      className="grid gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        create.mutate({ organization: formText(new FormData(event.currentTarget), "organization") });
      }}
    >
      <Field
        label="Organization"
        hint="Addresses of its functions are made of it."
        error={create.error ? failureOf(create.error).message : null}
      >
        {(control) => <Input {...control} name="organization" autoComplete="organization" required />}
      </Field>
      <Button type="submit" variant="primary" isBusy={create.isPending || create.isSuccess}>
        Create organization
      </Button>
    </form>
  );
}
