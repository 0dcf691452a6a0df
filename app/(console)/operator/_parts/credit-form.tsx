"use client";

import { useMutation } from "@tanstack/react-query";
import { useRouter } from "next/navigation";
import { useState } from "react";
import { toast } from "sonner";
import { useTRPC } from "#app/_trpc/client.tsx";
import { failureOf } from "#app/_trpc/failure.ts";
import { Button } from "#app/_ui/button.tsx";
import { parseDollars } from "#app/_ui/dollars.ts";
import { Field } from "#app/_ui/field.tsx";
import { Input } from "#app/_ui/input.tsx";

export function CreditForm({ organizationSlug }: { organizationSlug: string }) {
  const router = useRouter();
  const api = useTRPC();
  const [amount, setAmount] = useState("");
  const [reason, setReason] = useState("");
  const cents = parseDollars(amount);
  const grant = useMutation(
    api.operator.grantCredit.mutationOptions({
      onSuccess() {
        toast.success("Credit given");
        setAmount("");
        setReason("");
        router.refresh();
      },
    }),
  );
  const wrong = amount.trim() !== "" && cents === null ? "Give an amount in dollars, such as 20 or 12.50." : null;
  return (
    <form
      noValidate
      className="grid items-start gap-3 sm:grid-cols-[10rem_1fr_auto]"
      onSubmit={(event) => {
        event.preventDefault();
        if (cents !== null) grant.mutate({ organizationSlug, cents, reason });
      }}
    >
      <Field label="Amount in dollars" error={wrong}>
        {(control) => (
          <Input
            {...control}
            inputMode="decimal"
            autoComplete="off"
            value={amount}
            onChange={(event) => setAmount(event.target.value)}
          />
        )}
      </Field>
      <Field label="Reason for the credit" error={grant.error ? failureOf(grant.error).message : null}>
        {(control) => (
          <Input {...control} maxLength={300} value={reason} onChange={(event) => setReason(event.target.value)} />
        )}
      </Field>
      <Button
        type="submit"
        isBusy={grant.isPending}
        disabled={cents === null || cents === 0n || reason.trim() === ""}
        className="h-9 sm:mt-[1.6rem]"
      >
        Give credit
      </Button>
    </form>
  );
}
