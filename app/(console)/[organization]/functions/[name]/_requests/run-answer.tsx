"use client";

import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useTRPC } from "#app/_trpc/client.tsx";
import { Badge } from "#app/_ui/badge.tsx";
import { classNames } from "#app/_ui/class-names.ts";
import { Notice } from "#app/_ui/notice.tsx";
import { formatBytes, formatCpu } from "#app/_ui/quantity.ts";
import { LogLines } from "../_logs/log-lines.tsx";
import { outcomeLabel, statusTone, wallTime, type RunResult } from "./call.ts";

type Answered = Extract<RunResult["answer"], { kind: "answered" }>;

/** The region "Response" is always there, so that a reader's cursor finds it before and after. */
export function RunAnswer(props: { organization: string; name: string; result: RunResult | null; isSending: boolean }) {
  const { organization, name, result, isSending } = props;
  return (
    <section aria-label="Response" aria-live="polite" aria-busy={isSending} className="min-w-0 border-t pt-3">
      <h3 className="mb-2 text-[13px] font-medium">Response</h3>
      {result === null ? (
        <p className="text-[13px] text-muted">
          {isSending ? "Waiting for the answer…" : "Send a request to see its answer and what it cost."}
        </p>
      ) : result.answer.kind === "no_answer" ? (
        <Notice tone="danger">{result.answer.message}</Notice>
      ) : (
        <div className={isSending ? "grid gap-3 opacity-60" : "grid gap-3"}>
          <Figures answer={result.answer} record={result.record} />
          <Body body={result.answer.body} />
          <Printed
            key={result.answer.requestId}
            organization={organization}
            name={name}
            requestId={result.answer.requestId}
          />
          <details>
            <summary className="cursor-pointer text-[13px] text-muted hover:text-text">
              {result.answer.headers.length} headers
            </summary>
            <dl className="mt-1.5 grid gap-0.5 font-mono text-xs">
              {result.answer.headers.map(({ name: header, value }) => (
                <div key={`${header}:${value}`} className="flex gap-2">
                  <dt className="shrink-0 text-muted">{header}:</dt>
                  <dd className="min-w-0 break-all">{value}</dd>
                </div>
              ))}
            </dl>
          </details>
        </div>
      )}
    </section>
  );
}

function Figures({ answer, record }: { answer: Answered; record: RunResult["record"] }) {
  const label = record ? outcomeLabel(record.outcome) : null;
  return (
    <dl className="grid grid-cols-2 gap-x-4 gap-y-1.5 text-[13px]">
      <Figure label="Status">
        <Badge tone={statusTone(answer.status)}>{answer.status}</Badge>
        {label ? <span className="ml-1.5 text-xs text-muted">{label}</span> : null}
      </Figure>
      {record ? (
        <>
          <Figure label="Wall time">{wallTime(record.wallUs)}</Figure>
          <Figure label="CPU time">{formatCpu(record.cpuNs)}</Figure>
          <Figure label="Bytes out">{formatBytes(record.egressBytes)}</Figure>
          <Figure label="Start">{record.coldStart ? "cold" : "warm"}</Figure>
          <Figure label="Cost" className="col-span-full">
            {record.cost}
          </Figure>
        </>
      ) : (
        <div className="col-span-full text-muted">
          {answer.requestId
            ? "Its figures are not in the ledger yet; see Recent requests."
            : "The platform answered itself, so nothing was used."}
        </div>
      )}
    </dl>
  );
}

function Figure({ label, className, children }: { label: string; className?: string; children: ReactNode }) {
  return (
    <div className={classNames("flex flex-wrap items-baseline justify-between gap-x-2 border-b pb-1", className)}>
      <dt className="text-muted">{label}</dt>
      <dd className="tabular-nums">{children}</dd>
    </div>
  );
}

function Body({ body }: { body: Answered["body"] }) {
  if (body.content === "") return <p className="text-[13px] text-muted">No body.</p>;
  return (
    <div>
      <pre
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls must be reachable by keyboard
        tabIndex={0}
        className="max-h-72 overflow-auto rounded-md border bg-sunken/60 p-3 font-mono text-[12.5px] leading-relaxed break-words whitespace-pre-wrap"
      >
        {body.encoding === "text" ? pretty(body.content) : body.content}
      </pre>
      {body.encoding === "base64" ? <p className="mt-1 text-xs text-muted">Binary, shown as base64.</p> : null}
      {body.truncated ? (
        <p className="mt-1 text-xs text-warning">Cut after 1 MB. Call the address with curl for the whole.</p>
      ) : null}
    </div>
  );
}

function pretty(text: string): string {
  if (!/^\s*[[{]/.test(text)) return text;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

const LOGS_REFRESH_MS = 500;
const LOGS_TRIES_MAX = 10;

/** What the call printed. Lines arrive a little after the answer, so it is asked again for some seconds. */
function Printed({
  organization,
  name,
  requestId,
}: {
  organization: string;
  name: string;
  requestId: Answered["requestId"];
}) {
  const trpc = useTRPC();
  const { data } = useQuery(
    trpc.log.search.queryOptions(
      { organizationSlug: organization, name, filter: requestId === null ? {} : { requestId } },
      {
        enabled: requestId !== null,
        refetchInterval: ({ state }) => (state.dataUpdateCount < LOGS_TRIES_MAX ? LOGS_REFRESH_MS : false),
      },
    ),
  );
  if (!data || data.lines.length === 0) return null;
  return (
    <div>
      <h4 className="mb-1 text-xs font-medium text-muted">Printed</h4>
      <LogLines lines={data.lines} />
    </div>
  );
}
