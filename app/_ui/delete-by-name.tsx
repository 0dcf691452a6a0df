import { useState, type FormEvent } from "react";
import { Button } from "./button.tsx";
import { Dialog, DialogActions, DialogClose } from "./dialog.tsx";
import { Field } from "./field.tsx";
import { Input } from "./input.tsx";
import { Notice } from "./notice.tsx";

/** A button and its dialog for what can't be undone: whoever deletes types the name of it. */
export function DeleteByName({
  name,
  label,
  description,
  error,
  isBusy,
  onDelete,
}: {
  name: string;
  label: string;
  description: string;
  error: string | null;
  isBusy: boolean;
  onDelete: () => void;
}) {
  const [typed, setTyped] = useState("");
  function submit(event: FormEvent) {
    event.preventDefault();
    if (typed === name) onDelete();
  }
  return (
    <Dialog title={`Delete ${name}?`} description={description} trigger={<Button variant="danger">{label}</Button>}>
      <form onSubmit={submit} className="grid gap-3">
        <Field label={`Type ${name} to confirm`}>
          {(control) => (
            <Input
              {...control}
              value={typed}
              onChange={(event) => setTyped(event.target.value)}
              autoComplete="off"
              autoCapitalize="none"
              spellCheck={false}
            />
          )}
        </Field>
        {error === null ? null : <Notice tone="danger">{error}</Notice>}
        <DialogActions>
          <DialogClose>
            <Button>Cancel</Button>
          </DialogClose>
          <Button type="submit" variant="danger" disabled={typed !== name} isBusy={isBusy}>
            Delete {name}
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
