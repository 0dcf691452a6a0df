"use client";

import type { Failure } from "#app/_trpc/failure.ts";
import { Field } from "#app/_ui/field.tsx";
import { Input, TextArea } from "#app/_ui/input.tsx";
import { Notice } from "#app/_ui/notice.tsx";
import type { Fields } from "./entry-text.ts";

/** Where a refusal is shown; any other stands below the fields. */
const fieldNames: ReadonlySet<string | null> = new Set(["key", "value", "metadata", "expiration"]);

/** What a key has; without `onChange`, to be read only. */
export function EntryFields({
  fields,
  onChange,
  isNew,
  failure,
}: {
  fields: Fields;
  onChange: ((part: Partial<Fields>) => void) | null;
  isNew: boolean;
  failure: Failure | null;
}) {
  const errorAt = (field: string) => (failure?.field === field ? failure.message : null);
  const isReadOnly = onChange === null;
  return (
    <>
      {isNew ? (
        <Field label="Key" error={errorAt("key")} hint="At most 512 bytes. Folders are only names: a/b.">
          {(control) => (
            <Input
              {...control}
              value={fields.key}
              onChange={(event) => onChange?.({ key: event.target.value })}
              autoComplete="off"
              autoCapitalize="none"
              spellCheck={false}
              className="font-mono"
            />
          )}
        </Field>
      ) : null}
      <Field
        label="Value"
        error={errorAt("value")}
        hint="JSON is shown with line breaks; unless you edit it, it stays as it was."
      >
        {(control) => (
          <TextArea
            {...control}
            value={fields.value}
            onChange={(event) => onChange?.({ value: event.target.value })}
            readOnly={isReadOnly}
            spellCheck={false}
            rows={8}
          />
        )}
      </Field>
      <Field
        label="Metadata"
        error={errorAt("metadata")}
        hint="JSON of 1,024 bytes at most, listed with the key. May be empty."
      >
        {(control) => (
          <TextArea
            {...control}
            value={fields.metadata}
            onChange={(event) => onChange?.({ metadata: event.target.value })}
            readOnly={isReadOnly}
            spellCheck={false}
            className="min-h-9"
            rows={2}
          />
        )}
      </Field>
      <Field
        label="Expires"
        error={errorAt("expiration")}
        hint="In your time zone, a minute from now at least. Empty: never."
      >
        {(control) => (
          <Input
            {...control}
            type="datetime-local"
            step={1}
            value={fields.expires}
            onChange={(event) => onChange?.({ expires: event.target.value })}
            readOnly={isReadOnly}
          />
        )}
      </Field>
      {failure && !fieldNames.has(failure.field) ? <Notice tone="danger">{failure.message}</Notice> : null}
    </>
  );
}
