"use client";

import { useMutation } from "@tanstack/react-query";
import { Plus, Trash2 } from "lucide-react";
import Link from "next/link";
import { useRouter } from "next/navigation";
import { useState, type FormEvent } from "react";
import { useTRPC } from "#app/_trpc/client.tsx";
import { failureOf } from "#app/_trpc/failure.ts";
import { Button } from "#app/_ui/button.tsx";
import { Input } from "#app/_ui/input.tsx";
import { Select } from "#app/_ui/select.tsx";

type Wished = { name: string; namespaceId: string };
type Line = Wished & { id: number };

/** Bindings to namespaces of keys, one a line. */
export function BindingsForm({
  organization,
  name,
  wished,
  namespaces,
}: {
  organization: string;
  name: string;
  wished: readonly Wished[];
  namespaces: readonly { id: string; name: string }[];
}) {
  const [lines, setLines] = useState<Line[]>(() => wished.map((line, id) => ({ ...line, id })));
  const trpc = useTRPC();
  const router = useRouter();
  const change = useMutation(trpc.binding.change.mutationOptions({ onSuccess: () => router.refresh() }));
  const [first] = namespaces;

  function edit(id: number, part: Partial<Wished>) {
    change.reset();
    setLines(lines.map((line) => (line.id === id ? { ...line, ...part } : line)));
  }

  function add(namespaceId: string) {
    change.reset();
    setLines([...lines, { id: Math.max(-1, ...lines.map(({ id }) => id)) + 1, name: "", namespaceId }]);
  }

  function remove(id: number) {
    change.reset();
    setLines(lines.filter((line) => line.id !== id));
  }

  function submit(event: FormEvent) {
    event.preventDefault();
    const bindings = lines.map(({ name: bindingName, namespaceId }) => ({
      kind: "kv" as const,
      name: bindingName.trim(),
      namespaceId,
    }));
    change.mutate({ organizationSlug: organization, name, bindings });
  }

  return (
    <form noValidate onSubmit={submit} className="grid gap-4">
      {lines.length > 0 ? (
        <ul className="grid gap-3">
          {lines.map((line, at) => (
            <BindingLine
              key={line.id}
              line={line}
              position={at + 1}
              namespaces={namespaces}
              onEdit={(part) => edit(line.id, part)}
              onRemove={() => remove(line.id)}
            />
          ))}
        </ul>
      ) : (
        <p className="text-[13px] text-muted">
          {first ? "None yet. " : "There is nothing to bind yet. "}
          {first ? null : (
            <Link href={`/${organization}/storage`} className="text-accent-strong hover:underline">
              Make a namespace in Storage
            </Link>
          )}
        </p>
      )}
      <div className="flex flex-wrap items-center gap-3">
        {first ? (
          <Button onClick={() => add(first.id)}>
            <Plus aria-hidden /> Add binding
          </Button>
        ) : null}
        {lines.length > 0 || wished.length > 0 ? (
          <Button type="submit" variant="primary" isBusy={change.isPending}>
            Save bindings
          </Button>
        ) : null}
        <p className="min-w-0 flex-1 basis-60 text-[13px] break-words">
          <output className={change.error ? "text-danger" : "text-success"}>
            {change.error
              ? failureOf(change.error).message
              : change.isSuccess
                ? "Saved. The next deploy takes them."
                : ""}
          </output>
        </p>
      </div>
    </form>
  );
}

function BindingLine({
  line,
  position,
  namespaces,
  onEdit,
  onRemove,
}: {
  line: Line;
  position: number;
  namespaces: readonly { id: string; name: string }[];
  onEdit: (part: Partial<Wished>) => void;
  onRemove: () => void;
}) {
  const choices = namespaces.map(({ id, name }) => ({ value: id, label: name }));
  const isThere = namespaces.some(({ id }) => id === line.namespaceId);
  return (
    <li className="flex flex-wrap items-center gap-2 border-b pb-3 last:border-0 last:pb-0">
      <span className="flex min-w-0 flex-1 basis-48 items-center gap-1.5">
        <span aria-hidden className="font-mono text-[13px] text-muted">
          env.
        </span>
        <Input
          aria-label={`Name of binding ${position}`}
          value={line.name}
          onChange={(event) => onEdit({ name: event.target.value })}
          placeholder="KV"
          maxLength={64}
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
          className="font-mono"
        />
      </span>
      <Select
        aria-label={`Namespace of binding ${position}`}
        choices={isThere ? choices : [{ value: line.namespaceId, label: "(deleted)" }, ...choices]}
        value={line.namespaceId}
        onValueChange={(namespaceId) => onEdit({ namespaceId })}
        className="min-w-0 flex-1 basis-40"
      />
      <Button variant="ghost" size="icon" aria-label={`Remove binding ${position}`} onClick={onRemove}>
        <Trash2 aria-hidden />
      </Button>
    </li>
  );
}
