"use client";

import { formText } from "#app/_ui/form-text.ts";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useTRPCClient } from "#app/_trpc/client.tsx";
import { failureOf, type Failure } from "#app/_trpc/failure.ts";
import { Button } from "#app/_ui/button.tsx";
import { Field } from "#app/_ui/field.tsx";
import { Input } from "#app/_ui/input.tsx";
import { Notice } from "#app/_ui/notice.tsx";
import { signInWithPassword } from "../password-sign-in.ts";

const fields = new Set(["name", "email", "password", "organization"]);

export function SignUpForm() {
  const api = useTRPCClient();
  const [failure, setFailure] = useState<Failure | null>(null);
  const submit = useMutation({
    async mutationFn(form: FormData) {
      const text = (name: string) => formText(form, name);
      const account = { email: text("email"), password: text("password") };
      const { slug } = await api.account.signUp.mutate({
        ...account,
        name: text("name"),
        organization: text("organization"),
      });
      const refusal = await signInWithPassword(account);
      // A full load and not a route change: everything that was cached belongs to nobody signed in.
      window.location.assign(refusal ? "/sign-in" : `/${slug}`);
    },
    onMutate: () => setFailure(null),
    onError: (thrown) => setFailure(failureOf(thrown)),
  });
  const errorOf = (field: string) => (failure?.field === field ? failure.message : null);
  return (
    <form
      noValidate
      className="grid gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        submit.mutate(new FormData(event.currentTarget));
      }}
    >
      <Field label="Name" error={errorOf("name")}>
        {(control) => <Input {...control} name="name" autoComplete="name" required />}
      </Field>
      <Field label="Email" error={errorOf("email")}>
        {(control) => <Input {...control} name="email" type="email" autoComplete="email" required />}
      </Field>
      <Field label="Password" hint={errorOf("password") ? null : "At least 10 characters."} error={errorOf("password")}>
        {(control) => <Input {...control} name="password" type="password" autoComplete="new-password" required />}
      </Field>
      <Field
        label="Organization"
        hint="Your team or project. Addresses of your functions are made of it."
        error={errorOf("organization")}
      >
        {(control) => <Input {...control} name="organization" autoComplete="organization" required />}
      </Field>
      {failure && !fields.has(failure.field ?? "") ? <Notice tone="danger">{failure.message}</Notice> : null}
      <Button type="submit" variant="primary" isBusy={submit.isPending || submit.isSuccess}>
        Create account
      </Button>
    </form>
  );
}
