"use client";

import { useMutation } from "@tanstack/react-query";
import { useRouter } from "next/navigation";
import { useState } from "react";
import { toast } from "sonner";
import { useTRPC } from "#app/_trpc/client.tsx";
import { failureOf } from "#app/_trpc/failure.ts";
import { Badge } from "#app/_ui/badge.tsx";
import { Button } from "#app/_ui/button.tsx";
import { Section } from "#app/_ui/card.tsx";
import { Field } from "#app/_ui/field.tsx";
import { Input } from "#app/_ui/input.tsx";
import { formatMoment } from "#app/_ui/quantity.ts";
import type { Alerts } from "./billing-data.ts";

const ALERTS_SHOWN = 5;

export function AlertSection({
  organizationSlug,
  shares,
  alerts,
  canWrite,
}: {
  organizationSlug: string;
  shares: number[];
  alerts: Alerts;
  canWrite: boolean;
}) {
  return (
    <Section title="Alerts" description="At shares of the cap, here and by mail to everyone who may read the bill.">
      {canWrite ? (
        <SharesForm organizationSlug={organizationSlug} shares={shares} />
      ) : (
        <p className="text-sm tabular-nums">
          {shares.length === 0 ? "None" : shares.map((each) => `${each} %`).join(", ")}
        </p>
      )}
      {alerts.length === 0 ? (
        <p className="mt-3 text-[13px] text-muted">None has been reached.</p>
      ) : (
        <ul aria-label="Alerts so far" className="mt-4 grid gap-2.5 border-t pt-3">
          {alerts.slice(0, ALERTS_SHOWN).map((alert) => (
            <li key={alert.id} className="flex items-start gap-2.5 text-[13px]">
              <Badge tone={alert.share >= 100 ? "danger" : "warning"}>{alert.share} %</Badge>
              <div className="min-w-0">
                <p>{alert.text}</p>
                <p className="text-xs text-muted">{formatMoment(alert.at)}</p>
              </div>
            </li>
          ))}
        </ul>
      )}
    </Section>
  );
}

function SharesForm({ organizationSlug, shares }: { organizationSlug: string; shares: number[] }) {
  const router = useRouter();
  const api = useTRPC();
  const [text, setText] = useState(shares.join(", "));
  const parsed = parseShares(text);
  const save = useMutation(
    api.billing.setAlerts.mutationOptions({
      onSuccess() {
        toast.success("Alerts saved");
        router.refresh();
      },
    }),
  );
  const wrong = parsed === null ? "Give whole percents from 1 to 100, with commas between them." : null;
  return (
    <form
      noValidate
      className="flex items-start gap-3"
      onSubmit={(event) => {
        event.preventDefault();
        if (parsed) save.mutate({ organizationSlug, alertShares: parsed });
      }}
    >
      <div className="min-w-0 flex-1">
        <Field label="Tell us at, in percent" error={wrong ?? (save.error ? failureOf(save.error).message : null)}>
          {(control) => (
            <Input {...control} autoComplete="off" value={text} onChange={(event) => setText(event.target.value)} />
          )}
        </Field>
      </div>
      <Button
        type="submit"
        isBusy={save.isPending}
        disabled={parsed === null || parsed.join() === shares.join()}
        className="mt-[1.6rem] h-9"
      >
        Save alerts
      </Button>
    </form>
  );
}

/** "50, 75 90%" -> [50, 75, 90]; an empty text is no alert at all; null for what is no list of shares. */
function parseShares(text: string): number[] | null {
  const words = text.split(/[\s,;%]+/).filter((word) => word !== "");
  const shares = words.map((word) => (/^\d{1,3}$/.test(word) ? Number(word) : 0));
  return shares.every((share) => share >= 1 && share <= 100) ? shares : null;
}
