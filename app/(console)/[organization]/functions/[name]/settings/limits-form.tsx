"use client";

import { useMutation } from "@tanstack/react-query";
import type { inferRouterInputs } from "@trpc/server";
import { useRouter } from "next/navigation";
import { useState, type FormEvent } from "react";
import { useTRPC } from "#app/_trpc/client.tsx";
import { failureOf } from "#app/_trpc/failure.ts";
import { Button } from "#app/_ui/button.tsx";
import { Field } from "#app/_ui/field.tsx";
import { Input } from "#app/_ui/input.tsx";
import type { AppRouter } from "#server/api/root.ts";
import { outcomeText } from "../_workspace/outcome.ts";

type Limits = inferRouterInputs<AppRouter>["function"]["changeLimits"]["limits"];
type LimitName = keyof Limits;

export type LimitField = {
  name: LimitName;
  title: string;
  unit: string;
  /** How much of what the server counts one `unit` is. */
  per: number;
  /** Empty while the limit follows the plan's default. */
  text: string;
  placeholder: string;
  hint: string;
};

/** The limits as fields; an empty one follows the plan. */
export function LimitsForm({
  organization,
  name,
  fields,
}: {
  organization: string;
  name: string;
  fields: LimitField[];
}) {
  const [texts, setTexts] = useState(() => new Map(fields.map((field) => [field.name, field.text])));
  const [unread, setUnread] = useState<LimitName | null>(null);
  const trpc = useTRPC();
  const router = useRouter();
  const change = useMutation(trpc.function.changeLimits.mutationOptions({ onSuccess: () => router.refresh() }));
  const failure = change.error ? failureOf(change.error) : null;

  function submit(event: FormEvent) {
    event.preventDefault();
    const read = readLimits(fields, texts);
    setUnread(read.kind === "unread" ? read.name : null);
    if (read.kind === "read") change.mutate({ organizationSlug: organization, name, limits: read.limits });
  }

  function errorOf(field: LimitField): string | null {
    if (field.name === unread) return "Write a whole number, or leave it empty for the default.";
    return failure?.field === field.name ? failure.message : null;
  }

  return (
    <form noValidate onSubmit={submit} className="grid gap-4">
      <div className="grid items-start gap-x-8 gap-y-4 sm:grid-cols-2">
        {fields.map((field) => (
          <Field key={field.name} label={field.title} hint={field.hint} error={errorOf(field)}>
            {(control) => (
              <div className="flex items-center gap-2">
                <Input
                  {...control}
                  name={field.name}
                  value={texts.get(field.name) ?? ""}
                  placeholder={field.placeholder}
                  onChange={(event) => setTexts(new Map(texts).set(field.name, event.target.value))}
                  inputMode="numeric"
                  autoComplete="off"
                  className="tabular-nums"
                />
                <span aria-hidden className="w-8 shrink-0 text-[13px] text-muted">
                  {field.unit}
                </span>
              </div>
            )}
          </Field>
        ))}
      </div>
      <div className="flex flex-wrap items-center gap-3">
        <Button type="submit" variant="primary" isBusy={change.isPending}>
          Save limits
        </Button>
        <LimitsStatus
          text={change.isPending ? "Deploying…" : change.data ? savedText(change.data) : (failure?.message ?? "")}
          tone={toneOf(change.isPending, change.data?.kind, failure !== null)}
        />
      </div>
    </form>
  );
}

function LimitsStatus({ text, tone }: { text: string; tone: string }) {
  return (
    <p className="min-w-0 flex-1 basis-60 text-[13px] break-words">
      <output className={tone}>{text}</output>
    </p>
  );
}

type Saved = Parameters<typeof outcomeText>[0] | { kind: "saved" };

function savedText(saved: Saved): string {
  return saved.kind === "saved" ? "Saved. The first deploy takes them." : outcomeText(saved);
}

function toneOf(isPending: boolean, kind: Saved["kind"] | undefined, hasFailed: boolean): string {
  if (isPending) return "text-muted";
  return !hasFailed && (kind === "deployed" || kind === "saved") ? "text-success" : "text-danger";
}

type Reading = { kind: "read"; limits: Limits } | { kind: "unread"; name: LimitName };

function readLimits(fields: readonly LimitField[], texts: ReadonlyMap<LimitName, string>): Reading {
  const limits: Limits = {};
  for (const { name, per } of fields) {
    const text = (texts.get(name) ?? "").trim();
    if (text === "") continue;
    const value = Number(text) * per;
    // Megabytes may have a fraction, of which a byte's part is dropped; what is counted one by one may not.
    if (!Number.isFinite(value) || (per === 1 && !Number.isInteger(value))) return { kind: "unread", name };
    limits[name] = Math.round(value);
  }
  return { kind: "read", limits };
}
