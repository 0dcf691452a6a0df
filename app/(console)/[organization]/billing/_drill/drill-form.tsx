"use client";

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Waves } from "lucide-react";
import { useState, type FormEvent } from "react";
import { useTRPC } from "#app/_trpc/client.tsx";
import { failureOf } from "#app/_trpc/failure.ts";
import { Button } from "#app/_ui/button.tsx";
import { Dialog, DialogActions, DialogClose } from "#app/_ui/dialog.tsx";
import { Field } from "#app/_ui/field.tsx";
import { Input } from "#app/_ui/input.tsx";
import { Notice } from "#app/_ui/notice.tsx";
import { formatCount } from "#app/_ui/quantity.ts";
import { Select } from "#app/_ui/select.tsx";

type Terms = { capCents: bigint; calls: number };
type Reading = { kind: "read"; terms: Terms } | { kind: "unread"; field: "capCents" | "calls"; message: string };

/** Asks what is to be flooded and under which cap, and says what that does before it is done. */
export function DrillForm({
  organizationSlug,
  functionNames,
  isRunning,
}: {
  organizationSlug: string;
  functionNames: string[];
  isRunning: boolean;
}) {
  const [functionName, setFunctionName] = useState(functionNames[0] ?? "");
  const [cap, setCap] = useState("0.05");
  const [calls, setCalls] = useState("2000");
  const [reading, setReading] = useState<Reading | null>(null);
  const [isAsking, setIsAsking] = useState(false);
  const trpc = useTRPC();
  const queryClient = useQueryClient();
  const start = useMutation(
    trpc.drill.start.mutationOptions({
      onSettled: () => setIsAsking(false),
      onSuccess: () => queryClient.invalidateQueries(trpc.drill.latest.pathFilter()),
    }),
  );
  const failure = start.error ? failureOf(start.error) : null;

  function ask(event: FormEvent) {
    event.preventDefault();
    const read = readTerms(cap, calls);
    setReading(read);
    setIsAsking(read.kind === "read");
  }

  function errorOf(field: "capCents" | "calls"): string | null {
    if (reading?.kind === "unread") return reading.field === field ? reading.message : null;
    return failure?.field === field ? failure.message : null;
  }

  return (
    <>
      <form noValidate onSubmit={ask} className="grid gap-4">
        <div className="grid items-start gap-x-4 gap-y-3 sm:grid-cols-3">
          <Field label="Function">
            {(control) => (
              <Select
                control={control}
                choices={functionNames.map((name) => ({ value: name, label: name }))}
                value={functionName}
                onValueChange={setFunctionName}
              />
            )}
          </Field>
          <Field label="Test cap" hint="$0.01 to $10.00" error={errorOf("capCents")}>
            {(control) => (
              <div className="flex items-center gap-2">
                <span aria-hidden className="text-[13px] text-muted">
                  $
                </span>
                <Input
                  {...control}
                  value={cap}
                  onChange={(event) => setCap(event.target.value)}
                  inputMode="decimal"
                  autoComplete="off"
                  className="tabular-nums"
                />
              </div>
            )}
          </Field>
          <Field label="Number of calls" hint="40 to 2,000" error={errorOf("calls")}>
            {(control) => (
              <Input
                {...control}
                value={calls}
                onChange={(event) => setCalls(event.target.value)}
                inputMode="numeric"
                autoComplete="off"
                className="tabular-nums"
              />
            )}
          </Field>
        </div>
        <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
          <Button type="submit" variant="primary" isBusy={start.isPending || isRunning}>
            {start.isPending || isRunning ? null : <Waves aria-hidden />}
            Start drill
          </Button>
          <p className="min-w-0 flex-1 basis-72 text-[13px] text-muted">
            Nothing of it is on your bill, in your usage or in your budget. A request costs more in a drill than on your
            plan, so that so few calls come to four times the cap.
          </p>
        </div>
      </form>
      {failure && failure.field === null ? <Notice tone="danger">{failure.message}</Notice> : null}
      {reading?.kind === "read" ? (
        <Dialog
          title={`Flood ${functionName} with ${formatCount(reading.terms.calls)} calls?`}
          description={
            <>
              The function really runs, with GET / and up to 50 calls at a time for 30 seconds. What it writes, sends or
              calls elsewhere happens, up to {formatCount(reading.terms.calls)} times. It answers at an address of the
              drill&apos;s own, and what it prints is not kept.
            </>
          }
          open={isAsking}
          onOpenChange={setIsAsking}
        >
          <DialogActions>
            <DialogClose>
              <Button>Cancel</Button>
            </DialogClose>
            <Button
              variant="primary"
              isBusy={start.isPending}
              onClick={() => start.mutate({ organizationSlug, functionName, ...reading.terms })}
            >
              Flood {functionName}
            </Button>
          </DialogActions>
        </Dialog>
      ) : null}
    </>
  );
}

/** What the server takes is checked there; here only whether they are numbers at all. */
function readTerms(cap: string, calls: string): Reading {
  const amount = /^\$?\s*(\d{1,6})(?:\.(\d{1,2}))?$/.exec(cap.trim());
  if (!amount) return { kind: "unread", field: "capCents", message: "Write dollars and cents, such as 0.05." };
  const count = calls.trim().replaceAll(",", "");
  if (!/^\d{1,9}$/.test(count)) return { kind: "unread", field: "calls", message: "Write a whole number." };
  const capCents = BigInt(amount[1] ?? "0") * 100n + BigInt((amount[2] ?? "").padEnd(2, "0"));
  return { kind: "read", terms: { capCents, calls: Number(count) } };
}
