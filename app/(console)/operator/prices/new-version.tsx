"use client";

import { useMutation } from "@tanstack/react-query";
import { Plus } from "lucide-react";
import { useRouter } from "next/navigation";
import { useState, type FormEvent } from "react";
import { toast } from "sonner";
import { useTRPC } from "#app/_trpc/client.tsx";
import { failureOf } from "#app/_trpc/failure.ts";
import { Button } from "#app/_ui/button.tsx";
import { Dialog, DialogActions, DialogClose } from "#app/_ui/dialog.tsx";
import { Field } from "#app/_ui/field.tsx";
import { Input } from "#app/_ui/input.tsx";
import { Notice } from "#app/_ui/notice.tsx";
import { draftMeters, draftOf, meterNames, plansOf, type Draft, type MeterName, type Plans } from "./price-draft.ts";

export function NewVersion({ base }: { base: Plans }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <Dialog
      title="New price version"
      description="It holds from a whole hour on that has not begun, and can't be changed or taken back."
      open={isOpen}
      onOpenChange={setOpen}
      trigger={
        <Button variant="primary">
          <Plus aria-hidden /> New version
        </Button>
      }
    >
      <NewVersionForm base={base} onAdded={() => setOpen(false)} />
    </Dialog>
  );
}

function NewVersionForm({ base, onAdded }: { base: Plans; onAdded: () => void }) {
  const router = useRouter();
  const api = useTRPC();
  const [draft, setDraft] = useState<Draft>(() => draftOf(base));
  const [from, setFrom] = useState(firstOfNextMonth);
  const plans = plansOf(draft, base);
  const add = useMutation(
    api.operator.addPrices.mutationOptions({
      onSuccess({ version }) {
        toast.success(`Version ${version} added`);
        onAdded();
        router.refresh();
      },
    }),
  );
  const failure = add.error ? failureOf(add.error) : null;
  const setMeter = (name: MeterName, change: Partial<Draft["meters"][MeterName]>) =>
    setDraft({ ...draft, meters: { ...draft.meters, [name]: { ...draft.meters[name], ...change } } });

  function submit(event: FormEvent) {
    event.preventDefault();
    if (plans) add.mutate({ effectiveAt: new Date(`${from}:00Z`), plans });
  }

  return (
    <form noValidate onSubmit={submit} className="grid gap-4">
      <div className="grid gap-3 sm:grid-cols-2">
        <Field label="From (UTC)" error={failure?.field === "effectiveAt" ? failure.message : null}>
          {(control) => (
            <Input
              {...control}
              type="datetime-local"
              step={3600}
              value={from}
              onChange={(event) => setFrom(event.target.value)}
            />
          )}
        </Field>
        <Field label="Pro’s monthly fee, in cents">
          {(control) => (
            <Input
              {...control}
              inputMode="decimal"
              value={draft.proFee}
              onChange={(event) => setDraft({ ...draft, proFee: event.target.value })}
            />
          )}
        </Field>
      </div>
      {meterNames.map((name) => (
        <fieldset key={name} className="grid gap-2 border-t pt-3">
          <legend className="sr-only">{draftMeters[name].title}</legend>
          <p aria-hidden className="text-[13px] font-semibold">
            {draftMeters[name].title}
          </p>
          <div className="grid grid-cols-3 gap-3">
            <MeterField
              label={`Free, ${draftMeters[name].unit}`}
              value={draft.meters[name].free}
              onChange={(free) => setMeter(name, { free })}
            />
            <MeterField
              label={`Pro, ${draftMeters[name].unit}`}
              value={draft.meters[name].pro}
              onChange={(pro) => setMeter(name, { pro })}
            />
            <MeterField
              label={`Cents ${draftMeters[name].pricedPer}`}
              value={draft.meters[name].price}
              onChange={(price) => setMeter(name, { price })}
            />
          </div>
        </fieldset>
      ))}
      {plans === null ? <Notice tone="warning">A field holds no amount.</Notice> : null}
      {failure && failure.field !== "effectiveAt" ? <Notice tone="danger">{failure.message}</Notice> : null}
      <DialogActions>
        <DialogClose>
          <Button>Cancel</Button>
        </DialogClose>
        <Button type="submit" variant="primary" isBusy={add.isPending} disabled={plans === null || from === ""}>
          Add version
        </Button>
      </DialogActions>
    </form>
  );
}

function MeterField({ label, value, onChange }: { label: string; value: string; onChange: (text: string) => void }) {
  return (
    <Field label={label}>
      {(control) => (
        <Input {...control} inputMode="decimal" value={value} onChange={(event) => onChange(event.target.value)} />
      )}
    </Field>
  );
}

/** As a field for a moment has it: "2026-12-01T00:00". */
function firstOfNextMonth(): string {
  const now = new Date();
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 1)).toISOString().slice(0, 16);
}
