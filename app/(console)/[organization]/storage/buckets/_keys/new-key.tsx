"use client";

import { useMutation } from "@tanstack/react-query";
import { KeyRound } from "lucide-react";
import { useRouter } from "next/navigation";
import { useState, type FormEvent } from "react";
import { useTRPC } from "#app/_trpc/client.tsx";
import { failureOf } from "#app/_trpc/failure.ts";
import { Button } from "#app/_ui/button.tsx";
import { CodeBlock } from "#app/_ui/code-block.tsx";
import { Dialog, DialogActions, DialogClose } from "#app/_ui/dialog.tsx";
import { Field } from "#app/_ui/field.tsx";
import { Input } from "#app/_ui/input.tsx";
import { Notice } from "#app/_ui/notice.tsx";
import { Select } from "#app/_ui/select.tsx";
import { ClientConfigChoice } from "./client-config-choice.tsx";

type Props = { organization: string; buckets: readonly string[]; endpoint: string | null };
type MadeKey = { accessKeyId: string; secret: string };

/** Stands for all buckets among the choices: no bucket can be called so. */
const ALL = "*";

export function NewKey(props: Props) {
  const router = useRouter();
  const [isOpen, setOpen] = useState(false);
  const [made, setMade] = useState<MadeKey | null>(null);
  function change(open: boolean) {
    setOpen(open);
    if (open) return setMade(null);
    router.refresh();
  }
  return (
    <Dialog
      title={made ? "Access key" : "New access key"}
      description={made ? "The secret is shown this once. Copy it now: it can't be shown again." : undefined}
      open={isOpen}
      onOpenChange={change}
      trigger={
        <Button>
          <KeyRound aria-hidden /> New access key
        </Button>
      }
    >
      {made ? <ShownKey made={made} endpoint={props.endpoint} /> : <NewKeyForm {...props} onMade={setMade} />}
    </Dialog>
  );
}

function NewKeyForm({ organization, buckets, onMade }: Props & { onMade: (made: MadeKey) => void }) {
  const trpc = useTRPC();
  const [name, setName] = useState("");
  const [access, setAccess] = useState<"read" | "write">("write");
  const [bucket, setBucket] = useState<string>(ALL);
  const make = useMutation(trpc.s3Key.make.mutationOptions({ onSuccess: onMade }));
  const failure = make.error ? failureOf(make.error) : null;

  function submit(event: FormEvent) {
    event.preventDefault();
    make.mutate({ organizationSlug: organization, name, access, bucket: bucket === ALL ? null : bucket });
  }

  return (
    <form onSubmit={submit} noValidate className="grid gap-4">
      <Field
        label="Name"
        error={failure?.field === "name" ? failure.message : null}
        hint="For yourself: who or what uses the key."
      >
        {(control) => (
          <Input
            {...control}
            name="name"
            value={name}
            onChange={(event) => setName(event.target.value)}
            autoComplete="off"
            maxLength={64}
            placeholder="backup server"
          />
        )}
      </Field>
      <Field label="Access">
        {(control) => (
          <Select
            control={control}
            value={access}
            onValueChange={setAccess}
            choices={[
              { value: "write", label: "Read and write" },
              { value: "read", label: "Read only" },
            ]}
          />
        )}
      </Field>
      <Field label="Bucket">
        {(control) => (
          <Select
            control={control}
            value={bucket}
            onValueChange={setBucket}
            choices={[
              { value: ALL, label: "All buckets", description: "Also those that will be made" },
              ...buckets.map((each) => ({ value: each, label: each })),
            ]}
          />
        )}
      </Field>
      {failure && failure.field !== "name" ? <Notice tone="danger">{failure.message}</Notice> : null}
      <DialogActions>
        <DialogClose>
          <Button>Cancel</Button>
        </DialogClose>
        <Button type="submit" variant="primary" isBusy={make.isPending}>
          Make key
        </Button>
      </DialogActions>
    </form>
  );
}

function ShownKey({ made, endpoint }: { made: MadeKey; endpoint: string | null }) {
  return (
    <div className="grid grid-cols-[minmax(0,1fr)] gap-3">
      <div>
        <p className="mb-1 text-[13px] font-medium">Access key id</p>
        <CodeBlock code={made.accessKeyId} label="Access key id" />
      </div>
      <div>
        <p className="mb-1 text-[13px] font-medium">Secret</p>
        <CodeBlock code={made.secret} label="Secret" />
      </div>
      {endpoint === null ? (
        <Notice tone="warning">
          The S3 door is off here, so no client can use the key yet. Ask your operator for it.
        </Notice>
      ) : (
        <ClientConfigChoice client={{ endpoint, ...made }} />
      )}
      <DialogActions>
        <DialogClose>
          <Button variant="primary">Done</Button>
        </DialogClose>
      </DialogActions>
    </div>
  );
}
