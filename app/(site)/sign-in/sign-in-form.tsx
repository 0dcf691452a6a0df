"use client";

import { formText } from "#app/_ui/form-text.ts";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { Button } from "#app/_ui/button.tsx";
import { Field } from "#app/_ui/field.tsx";
import { Input } from "#app/_ui/input.tsx";
import { Notice } from "#app/_ui/notice.tsx";
import { signInWithPassword } from "../password-sign-in.ts";

export function SignInForm({ initialFailure, nextPath }: { initialFailure: string | null; nextPath: string | null }) {
  const [notice, setNotice] = useState(initialFailure);
  const [missing, setMissing] = useState<"email" | "password" | null>(null);
  const submit = useMutation({
    async mutationFn(account: { email: string; password: string }) {
      const refusal = await signInWithPassword(account);
      setNotice(refusal);
      if (refusal !== null) return false;
      // The page itself knows where a signed-in visitor belongs.
      window.location.assign(nextPath ?? "/sign-in");
      return true;
    },
  });

  function send(form: FormData) {
    const account = { email: formText(form, "email").trim(), password: formText(form, "password") };
    const empty = account.email === "" ? "email" : account.password === "" ? "password" : null;
    setMissing(empty);
    if (empty === null) submit.mutate(account);
  }

  return (
    <form
      noValidate
      className="grid gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        send(new FormData(event.currentTarget));
      }}
    >
      <Field label="Email" error={missing === "email" ? "Enter your email address." : null}>
        {(control) => <Input {...control} name="email" type="email" autoComplete="username" required />}
      </Field>
      <Field label="Password" error={missing === "password" ? "Enter your password." : null}>
        {(control) => <Input {...control} name="password" type="password" autoComplete="current-password" required />}
      </Field>
      {notice && !submit.isPending ? <Notice tone="danger">{notice}</Notice> : null}
      <Button type="submit" variant="primary" isBusy={submit.isPending || submit.data === true}>
        Sign in
      </Button>
    </form>
  );
}
