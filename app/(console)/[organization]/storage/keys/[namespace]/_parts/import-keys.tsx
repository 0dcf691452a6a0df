"use client";

import { useMutation } from "@tanstack/react-query";
import { Upload } from "lucide-react";
import { useRouter } from "next/navigation";
import { useState, type FormEvent } from "react";
import { useTRPC } from "#app/_trpc/client.tsx";
import { failureOf } from "#app/_trpc/failure.ts";
import { Button } from "#app/_ui/button.tsx";
import { Dialog, DialogActions, DialogClose } from "#app/_ui/dialog.tsx";
import { Field } from "#app/_ui/field.tsx";
import { Input } from "#app/_ui/input.tsx";
import { formatCount } from "#app/_ui/quantity.ts";
import { lineBatches } from "./line-batches.ts";
import type { NamespaceOf } from "./namespace-of.ts";

export function ImportKeys(of: NamespaceOf) {
  return (
    <Dialog
      title="Import keys"
      description={
        <>
          A key a line:{" "}
          <code className="break-all">{'{"key":"a","value":"1","metadata":{},"expiration":1900000000}'}</code>, with{" "}
          <code>base64</code> instead of <code>value</code> for what is no text. Keys that are there are written over.
        </>
      }
      trigger={
        <Button>
          <Upload aria-hidden /> Import
        </Button>
      }
    >
      <ImportForm {...of} />
    </Dialog>
  );
}

type Progress =
  | { kind: "idle" }
  | { kind: "running" | "done"; written: number; expired: number }
  | { kind: "failed"; message: string };

function ImportForm({ organization, namespaceId }: NamespaceOf) {
  const [file, setFile] = useState<File | null>(null);
  const [progress, setProgress] = useState<Progress>({ kind: "idle" });
  const trpc = useTRPC();
  const router = useRouter();
  const { mutateAsync } = useMutation(trpc.kv.import.mutationOptions());

  async function run(chosen: File) {
    const seen = { written: 0, expired: 0 };
    setProgress({ kind: "running", ...seen });
    try {
      for await (const { text, firstLine } of lineBatches(textOf(chosen))) {
        const { written, expired } = await mutateAsync({
          organizationSlug: organization,
          namespaceId,
          text,
          firstLine,
        });
        seen.written += written;
        seen.expired += expired;
        setProgress({ kind: "running", ...seen });
      }
      setProgress({ kind: "done", ...seen });
    } catch (error) {
      const before = seen.written > 0 ? ` The ${formatCount(seen.written)} keys of the lines before are imported.` : "";
      setProgress({ kind: "failed", message: `${failureOf(error).message}${before}` });
    }
    router.refresh();
  }

  function submit(event: FormEvent) {
    event.preventDefault();
    if (file) void run(file);
  }

  return (
    <form onSubmit={submit} noValidate className="grid gap-4">
      <Field label="File" hint="NDJSON, as the export gives it.">
        {(control) => (
          <Input
            {...control}
            type="file"
            accept=".ndjson,.jsonl,application/x-ndjson"
            className="py-1.5"
            onChange={(event) => {
              setFile(event.target.files?.[0] ?? null);
              setProgress({ kind: "idle" });
            }}
          />
        )}
      </Field>
      <p className="text-[13px] break-words">
        <output className={progress.kind === "failed" ? "text-danger" : "text-muted"}>{wordsOf(progress)}</output>
      </p>
      <DialogActions>
        <DialogClose>
          <Button>Close</Button>
        </DialogClose>
        <Button type="submit" variant="primary" disabled={!file} isBusy={progress.kind === "running"}>
          Import
        </Button>
      </DialogActions>
    </form>
  );
}

/** Not all browsers can iterate over a stream. */
async function* textOf(file: File): AsyncGenerator<string> {
  const reader = file.stream().pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}

function wordsOf(progress: Progress): string {
  switch (progress.kind) {
    case "idle":
      return "";
    case "failed":
      return progress.message;
    case "running":
      return `${formatCount(progress.written)} keys so far…`;
    case "done": {
      const left = progress.expired > 0 ? `, ${formatCount(progress.expired)} left out as they had expired` : "";
      return `${formatCount(progress.written)} ${progress.written === 1 ? "key" : "keys"} imported${left}.`;
    }
  }
}
