"use client";

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { toast } from "sonner";
import { useTRPC } from "#app/_trpc/client.tsx";
import { failureOf } from "#app/_trpc/failure.ts";
import { Button } from "#app/_ui/button.tsx";
import { Section } from "#app/_ui/card.tsx";
import { classNames } from "#app/_ui/class-names.ts";
import { dollarsText, parseDollars } from "#app/_ui/dollars.ts";
import { Field } from "#app/_ui/field.tsx";
import { Input } from "#app/_ui/input.tsx";
import type { Bill } from "./billing-data.ts";
import { useMonth } from "./use-month.ts";

export function CapSection({
  organizationSlug,
  initial,
  canWrite,
}: {
  organizationSlug: string;
  initial: Bill;
  canWrite: boolean;
}) {
  const { data: month } = useMonth(organizationSlug, initial);
  const { cap } = month;
  return (
    <Section title="Spending cap">
      <div className="flex flex-wrap items-baseline justify-between gap-x-3">
        <p className="text-xl font-semibold tracking-tight tabular-nums">{cap.text}</p>
        <p className="text-[13px] text-muted tabular-nums">
          {cap.cents === 0n
            ? `${cap.percentSpent} % of the fullest included amount`
            : `${month.usageCost} spent, ${cap.left} left`}
        </p>
      </div>
      <SpentBar percent={cap.percentSpent} />
      <p className="mt-2 text-[13px] text-muted">
        {cap.isFixed
          ? "This plan never bills. When what is included of a meter is used up, functions answer 402 with the reason until the next month begins."
          : "What usage may add to the plan’s fee in a month. The worst case of a call is reserved before it starts, so this is never passed; at it, functions answer 402 with the reason."}
      </p>
      {cap.isFixed || !canWrite ? null : <CapForm organizationSlug={organizationSlug} capCents={cap.cents} />}
    </Section>
  );
}

function SpentBar({ percent }: { percent: number }) {
  const width = Math.min(percent, 100);
  return (
    <div
      role="meter"
      aria-label="Spent of the cap"
      aria-valuenow={width}
      aria-valuemin={0}
      aria-valuemax={100}
      className="mt-2 h-2 overflow-hidden rounded-full bg-sunken"
    >
      <div
        className={classNames(
          "h-full rounded-full transition-[width] duration-500",
          percent >= 100 ? "bg-danger" : percent >= 75 ? "bg-warning" : "bg-accent",
        )}
        style={{ width: percent > 0 ? `max(${width}%, 4px)` : 0 }}
      />
    </div>
  );
}

function CapForm({ organizationSlug, capCents }: { organizationSlug: string; capCents: bigint }) {
  const api = useTRPC();
  const queries = useQueryClient();
  const [text, setText] = useState(dollarsText(capCents));
  const cents = parseDollars(text);
  const save = useMutation(
    api.billing.setCap.mutationOptions({
      onSuccess() {
        toast.success("Spending cap saved");
        return queries.invalidateQueries(api.billing.month.queryFilter({ organizationSlug }));
      },
    }),
  );
  const isWrong = text.trim() !== "" && cents === null;
  const error = isWrong
    ? "Give an amount in dollars, such as 20 or 12.50."
    : save.error
      ? failureOf(save.error).message
      : null;
  return (
    <form
      noValidate
      className="mt-4 flex items-start gap-3 border-t pt-4"
      onSubmit={(event) => {
        event.preventDefault();
        if (cents !== null) save.mutate({ organizationSlug, capCents: cents });
      }}
    >
      <div className="min-w-0 flex-1">
        <Field label="Monthly cap in dollars" error={error} hint="A lower cap counts at once for calls from now on.">
          {(control) => (
            <Input
              {...control}
              inputMode="decimal"
              autoComplete="off"
              value={text}
              onChange={(event) => setText(event.target.value)}
            />
          )}
        </Field>
      </div>
      <Button
        type="submit"
        isBusy={save.isPending}
        disabled={cents === null || cents === capCents}
        className="mt-[1.6rem] h-9"
      >
        Save cap
      </Button>
    </form>
  );
}
