"use client";

import { FilePlus2, Pencil, Trash2 } from "lucide-react";
import { useState, type FormEvent } from "react";
import { Button } from "#app/_ui/button.tsx";
import { classNames } from "#app/_ui/class-names.ts";
import { Dialog, DialogActions } from "#app/_ui/dialog.tsx";
import { Field } from "#app/_ui/field.tsx";
import { Input } from "#app/_ui/input.tsx";
import { pathComplaint } from "./draft.ts";
import type { SourceFiles } from "./use-source-files.ts";

type Asking = { kind: "add" } | { kind: "rename"; path: string } | { kind: "delete"; path: string };

export function FileList({ source }: { source: SourceFiles }) {
  const [asking, setAsking] = useState<Asking | null>(null);
  const { files, activePath } = source;
  return (
    <nav
      aria-label="Files"
      className="flex shrink-0 flex-col border-b bg-sunken/30 sm:w-40 2xl:w-52 sm:border-r sm:border-b-0"
    >
      <div className="flex items-center justify-between gap-1 py-1 pr-1 pl-3">
        <h2 className="text-xs font-medium text-muted">Files</h2>
        <div className="flex">
          <Button
            variant="ghost"
            size="icon"
            className="size-7"
            aria-label="Add file"
            onClick={() => setAsking({ kind: "add" })}
          >
            <FilePlus2 aria-hidden />
          </Button>
          <Button
            variant="ghost"
            size="icon"
            className="size-7"
            aria-label={`Rename ${activePath}`}
            onClick={() => setAsking({ kind: "rename", path: activePath })}
          >
            <Pencil aria-hidden />
          </Button>
          <Button
            variant="ghost"
            size="icon"
            className="size-7"
            aria-label={`Delete ${activePath}`}
            disabled={files.length === 1}
            onClick={() => setAsking({ kind: "delete", path: activePath })}
          >
            <Trash2 aria-hidden />
          </Button>
        </div>
      </div>
      <ul className="flex gap-0.5 overflow-x-auto px-1.5 pb-1.5 sm:flex-col sm:overflow-y-auto">
        {files.map(({ path }) => (
          <li key={path} className="shrink-0">
            <button
              type="button"
              aria-current={path === activePath ? "true" : undefined}
              onClick={() => source.open(path)}
              className={classNames(
                "w-full rounded px-2 py-1 text-left font-mono text-[12.5px] transition-colors sm:break-all",
                path === activePath
                  ? "bg-accent-soft text-accent-strong"
                  : "text-muted hover:bg-sunken hover:text-text",
              )}
            >
              {path}
            </button>
          </li>
        ))}
      </ul>
      <FileDialog key={JSON.stringify(asking)} asking={asking} source={source} close={() => setAsking(null)} />
    </nav>
  );
}

function FileDialog({ asking, source, close }: { asking: Asking | null; source: SourceFiles; close: () => void }) {
  const before = asking?.kind === "rename" ? asking.path : "";
  const [path, setPath] = useState(before);
  const [complaint, setComplaint] = useState<string | null>(null);
  if (!asking) return null;
  if (asking.kind === "delete") {
    return (
      <Dialog
        title={`Delete ${asking.path}?`}
        description="It stays in the versions that were deployed with it."
        open
        onOpenChange={close}
      >
        <DialogActions>
          <Button onClick={close}>Cancel</Button>
          <Button
            variant="danger"
            onClick={() => {
              source.remove(asking.path);
              close();
            }}
          >
            Delete file
          </Button>
        </DialogActions>
      </Dialog>
    );
  }

  function submit(event: FormEvent) {
    event.preventDefault();
    const wanted = path.trim();
    const others = source.files.map((file) => file.path).filter((other) => other !== before);
    const problem = pathComplaint(wanted, others);
    setComplaint(problem);
    if (problem) return;
    if (asking?.kind === "rename") source.rename(asking.path, wanted);
    else source.add(wanted);
    close();
  }

  return (
    <Dialog title={asking.kind === "add" ? "Add file" : `Rename ${before}`} open onOpenChange={close}>
      <form onSubmit={submit} noValidate>
        <Field label="File name" error={complaint} hint="With its folders, such as src/data.ts">
          {(control) => (
            <Input
              {...control}
              value={path}
              onChange={(event) => setPath(event.target.value)}
              autoComplete="off"
              autoCapitalize="none"
              spellCheck={false}
              className="font-mono"
            />
          )}
        </Field>
        <DialogActions>
          <Button onClick={close}>Cancel</Button>
          <Button type="submit" variant="primary">
            {asking.kind === "add" ? "Add" : "Rename"}
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
