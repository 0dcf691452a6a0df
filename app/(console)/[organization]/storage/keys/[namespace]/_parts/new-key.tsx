"use client";

import { Plus } from "lucide-react";
import { useState } from "react";
import { Button } from "#app/_ui/button.tsx";
import { Dialog } from "#app/_ui/dialog.tsx";
import { EntryForm } from "./entry-form.tsx";
import type { NamespaceOf } from "./namespace-of.ts";

export function NewKey(of: NamespaceOf) {
  const [isOpen, setOpen] = useState(false);
  return (
    <Dialog
      title="Add a key"
      open={isOpen}
      onOpenChange={setOpen}
      trigger={
        <Button variant="primary">
          <Plus aria-hidden /> Add key
        </Button>
      }
    >
      <EntryForm {...of} before={null} onDone={() => setOpen(false)} />
    </Dialog>
  );
}
