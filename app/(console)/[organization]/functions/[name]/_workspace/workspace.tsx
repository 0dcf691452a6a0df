"use client";

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Rocket } from "lucide-react";
import { useEffect, useState } from "react";
import { useTRPC } from "#app/_trpc/client.tsx";
import { failureOf } from "#app/_trpc/failure.ts";
import { Button } from "#app/_ui/button.tsx";
import { CodeEditor } from "../_editor/code-editor.tsx";
import { RecentRequests } from "../_requests/recent-requests.tsx";
import { RunPanel } from "../_requests/run-panel.tsx";
import { dependenciesOf, type SourceFile } from "./draft.ts";
import { FileList } from "./file-list.tsx";
import { complaintOf, outcomeText, type Outcome } from "./outcome.ts";
import { useSourceFiles } from "./use-source-files.ts";

type Props = { organization: string; name: string; files: SourceFile[]; versionNumber: number | null };

/** Where a function is written: its files, the editor, Deploy, the Run panel and what was called lately. */
export function Workspace({ organization, name, files: initial, versionNumber }: Props) {
  const source = useSourceFiles({ organization, name, initial, isDeployed: versionNumber !== null });
  const { files, activePath } = source;
  const [deployedNumber, setDeployedNumber] = useState(versionNumber);
  const trpc = useTRPC();
  const queryClient = useQueryClient();
  const deploy = useMutation(
    trpc.function.deploy.mutationOptions({
      onSuccess: (outcome, sent) => {
        const complaint = complaintOf(outcome);
        if (complaint && sent.files.some((file) => file.path === complaint.path)) source.open(complaint.path);
        if (outcome.kind !== "deployed") return;
        source.markDeployed(sent.files);
        setDeployedNumber(outcome.versionNumber);
        void queryClient.invalidateQueries(trpc.function.pathFilter());
      },
    }),
  );
  const startDeploy = () => {
    if (!deploy.isPending) deploy.mutate({ organizationSlug: organization, name, files: source.latest() });
  };
  useSaveKey(startDeploy);

  return (
    <div className="grid gap-4">
      <div className="grid gap-4 xl:grid-cols-[minmax(0,1fr)_20rem] 2xl:grid-cols-[minmax(0,1fr)_26rem]">
        <section aria-label="Code" className="flex min-w-0 flex-col overflow-hidden rounded-lg border bg-surface">
          <div className="flex min-h-12 flex-wrap items-center gap-x-3 gap-y-2 border-b px-3 py-2">
            <Button
              variant="primary"
              size="small"
              isBusy={deploy.isPending}
              onClick={startDeploy}
              title="Deploy (Ctrl+S or ⌘S)"
            >
              {deploy.isPending ? null : <Rocket aria-hidden />}
              Deploy
            </Button>
            <DeployStatus
              outcome={deploy.data ?? null}
              failure={deploy.error ? failureOf(deploy.error).message : null}
              isDeploying={deploy.isPending}
              idle={idleText(source.isChanged, deployedNumber)}
              isChanged={source.isChanged}
              servingNumber={deployedNumber}
            />
            {source.isChanged && deployedNumber !== null ? (
              <Button variant="ghost" size="small" className="ml-auto" onClick={source.discard}>
                Discard changes
              </Button>
            ) : null}
          </div>
          <div className="flex min-h-0 flex-1 flex-col sm:flex-row">
            <FileList source={source} />
            <div className="relative h-[26rem] min-w-0 shrink-0 sm:h-auto sm:min-h-[34rem] sm:flex-1 sm:shrink">
              <CodeEditor
                files={files}
                generation={source.generation}
                activePath={activePath}
                dependencies={dependenciesOf(files)}
                complaint={complaintOf(deploy.isPending ? null : (deploy.data ?? null))}
                readOnly={false}
                onEdit={source.edit}
              />
            </div>
          </div>
        </section>
        <RunPanel organization={organization} name={name} />
      </div>
      <RecentRequests organization={organization} name={name} />
    </div>
  );
}

function idleText(isChanged: boolean, deployedNumber: number | null): string {
  if (deployedNumber === null) return "Not deployed yet";
  return isChanged ? "Unsaved changes" : `Version ${deployedNumber}`;
}

type StatusProps = {
  outcome: Outcome | null;
  failure: string | null;
  isDeploying: boolean;
  idle: string;
  isChanged: boolean;
  servingNumber: number | null;
};

function DeployStatus(props: StatusProps) {
  const { tone, text, note } = statusOf(props);
  return (
    <p className="min-w-0 flex-1 basis-60 text-[13px] break-words">
      <output className={tone}>{text}</output>
      {note ? <span className="text-muted"> · {note}</span> : null}
    </p>
  );
}

function statusOf(props: StatusProps): { tone: string; text: string; note: string | null } {
  const { outcome, failure, isDeploying, idle, isChanged, servingNumber } = props;
  if (isDeploying) return { tone: "text-muted", text: "Deploying…", note: null };
  if (outcome?.kind === "deployed" && failure === null) {
    return { tone: "text-success", text: outcomeText(outcome), note: isChanged ? "Unsaved changes" : null };
  }
  if (failure === null && outcome === null) return { tone: "text-muted", text: idle, note: null };
  const note = servingNumber === null ? null : `Version ${servingNumber} goes on serving`;
  return { tone: "font-mono text-[12.5px] text-danger", text: failure ?? (outcome ? outcomeText(outcome) : ""), note };
}

/** Ctrl+S or Cmd+S, wherever the focus is: the browser's own "save page" is of no use here. */
function useSaveKey(save: () => void): void {
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      if (!(event.ctrlKey || event.metaKey) || event.altKey || event.key.toLowerCase() !== "s") return;
      event.preventDefault();
      if (!event.repeat) save();
    };
    window.addEventListener("keydown", onKeyDown);
    return () => window.removeEventListener("keydown", onKeyDown);
  });
}
