"use client";

import { useState, type ReactNode } from "react";
import { Button, type ButtonVariant } from "#app/_ui/button.tsx";
import { Dialog, DialogActions, DialogClose } from "#app/_ui/dialog.tsx";
import { Field } from "#app/_ui/field.tsx";
import { Input } from "#app/_ui/input.tsx";

/** Asks why before something is done: the answer is what the organization's people read, and what stands in the audit. */
export function ReasonDialog({
  title,
  description,
  trigger,
  label,
  variant = "primary",
  error,
  isBusy,
  onConfirm,
}: {
  title: string;
  description: string;
  trigger: ReactNode;
  label: string;
  variant?: ButtonVariant;
  error: string | null;
  isBusy: boolean;
  onConfirm: (reason: string) => Promise<unknown>;
}) {
  const [isOpen, setOpen] = useState(false);
  const [reason, setReason] = useState("");
  return (
    <Dialog title={title} description={description} trigger={trigger} open={isOpen} onOpenChange={setOpen}>
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          // A refusal stays in the dialog: `error` shows it.
          onConfirm(reason.trim()).then(
            () => setOpen(false),
            () => undefined,
          );
        }}
      >
        <Field label="Reason" error={error} hint="The organization’s people read it.">
          {(control) => (
            <Input
              {...control}
              value={reason}
              onChange={(event) => setReason(event.target.value)}
              maxLength={300}
              autoFocus
            />
          )}
        </Field>
        <DialogActions>
          <DialogClose>
            <Button>Cancel</Button>
          </DialogClose>
          <Button type="submit" variant={variant} isBusy={isBusy} disabled={reason.trim() === ""}>
            {label}
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
