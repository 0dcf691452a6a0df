"use client";

import { useMutation } from "@tanstack/react-query";
import { Plus } from "lucide-react";
import { useRouter } from "next/navigation";
import { useState, type FormEvent } from "react";
import { toast } from "sonner";
import { useTRPC } from "#app/_trpc/client.tsx";
import { failureOf } from "#app/_trpc/failure.ts";
import { Button } from "#app/_ui/button.tsx";
import { Dialog, DialogActions, DialogClose } from "#app/_ui/dialog.tsx";
import { Field } from "#app/_ui/field.tsx";
import { Input } from "#app/_ui/input.tsx";
import { Notice } from "#app/_ui/notice.tsx";
import { outcomeText } from "./[name]/_workspace/outcome.ts";
import { writeDraft } from "./[name]/_workspace/draft.ts";

type TemplateChoice = { name: "hello" | "json-api" | "form" | "cron" | "proxy"; title: string; description: string };

export function NewFunction({ organization, templates }: { organization: string; templates: TemplateChoice[] }) {
  return (
    <Dialog
      title="New function"
      description="It goes live as version 1 at once."
      trigger={
        <Button variant="primary">
          <Plus aria-hidden /> New function
        </Button>
      }
    >
      <NewFunctionForm organization={organization} templates={templates} />
    </Dialog>
  );
}

function NewFunctionForm({ organization, templates }: { organization: string; templates: TemplateChoice[] }) {
  const router = useRouter();
  const trpc = useTRPC();
  const [name, setName] = useState("");
  const [template, setTemplate] = useState<TemplateChoice["name"]>("hello");
  const create = useMutation(
    trpc.function.create.mutationOptions({
      onSuccess: ({ name: created, files, firstDeploy }) => {
        if (firstDeploy.kind !== "deployed") {
          // The template is in no version yet; as a draft it opens in the editor, to be deployed again.
          writeDraft(organization, created, files);
          toast.error(`${created} is there, but its first deploy failed. ${outcomeText(firstDeploy)}`);
        }
        router.push(`/${organization}/functions/${created}`);
      },
    }),
  );
  const failure = create.error ? failureOf(create.error) : null;

  function submit(event: FormEvent) {
    event.preventDefault();
    create.mutate({ organizationSlug: organization, name: name.trim(), template });
  }

  return (
    <form onSubmit={submit} noValidate className="grid gap-4">
      <Field
        label="Name"
        error={failure?.field === "name" ? failure.message : null}
        hint="Lower-case letters, digits and single hyphens. It becomes part of the address."
      >
        {(control) => (
          <Input
            {...control}
            name="name"
            value={name}
            onChange={(event) => setName(event.target.value)}
            autoComplete="off"
            autoCapitalize="none"
            spellCheck={false}
            maxLength={60}
            placeholder="hello"
          />
        )}
      </Field>
      <fieldset>
        <legend className="mb-1.5 text-[13px] font-medium">Template</legend>
        <div role="radiogroup" aria-label="Template" className="grid gap-2 sm:grid-cols-2">
          {templates.map((choice) => (
            <label
              key={choice.name}
              className="flex cursor-pointer items-start gap-2.5 rounded-md border border-line-strong px-3 py-2.5 transition-colors hover:bg-sunken/60 has-checked:border-accent has-checked:bg-accent-soft/50 has-focus-visible:outline-2 has-focus-visible:outline-accent"
            >
              <input
                type="radio"
                name="template"
                value={choice.name}
                checked={template === choice.name}
                onChange={() => setTemplate(choice.name)}
                className="mt-1 accent-accent outline-none"
                aria-describedby={`template-${choice.name}`}
                aria-label={choice.title}
              />
              <span className="min-w-0">
                <span className="block text-[13px] font-medium">{choice.title}</span>
                <span id={`template-${choice.name}`} className="block text-xs text-muted">
                  {choice.description}
                </span>
              </span>
            </label>
          ))}
        </div>
      </fieldset>
      {failure && failure.field !== "name" ? <Notice tone="danger">{failure.message}</Notice> : null}
      <DialogActions>
        <DialogClose>
          <Button>Cancel</Button>
        </DialogClose>
        <Button type="submit" variant="primary" isBusy={create.isPending || create.isSuccess}>
          Create
        </Button>
      </DialogActions>
    </form>
  );
}
