"use client";

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Play } from "lucide-react";
import { useState, type FormEvent } from "react";
import { useTRPC } from "#app/_trpc/client.tsx";
import { failureOf } from "#app/_trpc/failure.ts";
import { Button } from "#app/_ui/button.tsx";
import { classNames } from "#app/_ui/class-names.ts";
import { Section } from "#app/_ui/card.tsx";
import { Field } from "#app/_ui/field.tsx";
import { controlClasses, Input, TextArea } from "#app/_ui/input.tsx";
import { Notice } from "#app/_ui/notice.tsx";
import { RunAnswer } from "./run-answer.tsx";

const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

export function RunPanel({ organization, name }: { organization: string; name: string }) {
  const trpc = useTRPC();
  const queryClient = useQueryClient();
  const [method, setMethod] = useState("GET");
  const [path, setPath] = useState("/");
  const [headers, setHeaders] = useState("");
  const [body, setBody] = useState("");
  const run = useMutation(
    trpc.function.run.mutationOptions({
      onSuccess: () => queryClient.invalidateQueries(trpc.function.recentRequests.pathFilter()),
    }),
  );
  const hasBody = method !== "GET" && method !== "HEAD";
  const failure = run.error ? failureOf(run.error) : null;

  function send(event: FormEvent) {
    event.preventDefault();
    run.mutate({
      organizationSlug: organization,
      name,
      method,
      path,
      headers: headerLines(headers, hasBody ? body : ""),
      body: hasBody ? body : "",
    });
  }

  return (
    <Section title="Run" className="grid content-start gap-4">
      <form onSubmit={send} noValidate className="grid gap-3">
        <div className="grid grid-cols-[7rem_minmax(0,1fr)] gap-2">
          <Field label="Method">
            {(control) => (
              <select
                {...control}
                value={method}
                onChange={(event) => setMethod(event.target.value)}
                className={classNames(controlClasses, "h-9 pr-1")}
              >
                {METHODS.map((each) => (
                  <option key={each}>{each}</option>
                ))}
              </select>
            )}
          </Field>
          <Field label="Path" error={failure?.field === "path" ? failure.message : null}>
            {(control) => (
              <Input
                {...control}
                value={path}
                onChange={(event) => setPath(event.target.value)}
                className="font-mono text-[13px]"
                autoComplete="off"
                autoCapitalize="none"
                spellCheck={false}
              />
            )}
          </Field>
        </div>
        <Field label="Body" aside={hasBody ? null : <span className="text-xs text-muted">{method} sends none</span>}>
          {(control) => (
            <TextArea
              {...control}
              value={body}
              onChange={(event) => setBody(event.target.value)}
              rows={3}
              spellCheck={false}
            />
          )}
        </Field>
        <details>
          <summary className="cursor-pointer text-[13px] text-muted hover:text-text">Headers</summary>
          <TextArea
            aria-label="Headers"
            placeholder="content-type: application/json"
            value={headers}
            onChange={(event) => setHeaders(event.target.value)}
            rows={2}
            spellCheck={false}
            className="mt-1.5"
          />
        </details>
        <Button type="submit" variant="primary" isBusy={run.isPending} className="justify-self-start">
          {run.isPending ? null : <Play aria-hidden />}
          Send
        </Button>
      </form>
      {failure && failure.field !== "path" ? <Notice tone="danger">{failure.message}</Notice> : null}
      <RunAnswer organization={organization} name={name} result={run.data ?? null} isSending={run.isPending} />
    </Section>
  );
}

/** Lines of "name: value". A body that reads as JSON is sent as such, unless a type is given. */
function headerLines(text: string, body: string): { name: string; value: string }[] {
  const headers = text.split("\n").flatMap((line) => {
    const at = line.indexOf(":");
    return at > 0 ? [{ name: line.slice(0, at).trim(), value: line.slice(at + 1).trim() }] : [];
  });
  const hasType = headers.some(({ name }) => name.toLowerCase() === "content-type");
  if (body === "" || hasType) return headers;
  return [
    ...headers,
    { name: "content-type", value: /^\s*[[{]/.test(body) ? "application/json" : "text/plain;charset=UTF-8" },
  ];
}
