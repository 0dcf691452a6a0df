import { ChevronRight } from "lucide-react";
import { Badge } from "#app/_ui/badge.tsx";
import { dayAndTime, outcomeLabel, statusTone, wallTime } from "../_requests/call.ts";
import type { LogGroup } from "./log-groups.ts";
import { LogLines, Marked } from "./log-lines.tsx";
import { LEVELS } from "./log-view.ts";

export type LogRowProps = {
  group: LogGroup;
  searched: string;
  /** The address of this page for one request. */
  hrefOf: (requestId: string) => string;
  onRequest: (requestId: string) => void;
};

/** A request with what it printed. */
export function LogGroupRow(props: LogRowProps) {
  const { group, searched } = props;
  if (group.lines.length === 0)
    return (
      <div className="flex items-start gap-2 px-3 py-2 text-[13px]">
        <span className="size-4 shrink-0" />
        <Summary {...props} />
      </div>
    );
  return (
    <details open className="group/row">
      <summary className="flex cursor-pointer list-none items-start gap-2 px-3 py-2 text-[13px] hover:bg-sunken/50 [&::-webkit-details-marker]:hidden">
        <ChevronRight
          aria-hidden
          className="mt-0.5 size-4 shrink-0 text-muted transition-transform group-open/row:rotate-90"
        />
        <Summary {...props} />
      </summary>
      <div className="px-3 pb-3 sm:pl-9">
        <LogLines lines={group.lines} searched={searched} />
      </div>
    </details>
  );
}

function Summary({ group, searched, hrefOf, onRequest }: LogRowProps) {
  const { request, requestId, lines } = group;
  const worst = LEVELS.findLast((level) => lines.some((line) => line.level === level));
  const label = request ? outcomeLabel(request.outcome) : null;
  return (
    <div className="flex min-w-0 flex-1 flex-wrap items-center gap-x-3 gap-y-1">
      <time className="font-mono text-[12.5px] text-muted">{dayAndTime(group.atMs)}</time>
      {request ? (
        <>
          <Badge tone={statusTone(request.status)}>{request.status || "none"}</Badge>
          <span className="max-w-full min-w-0 truncate font-mono text-[12.5px] sm:max-w-96" title={request.path}>
            <span className="font-semibold">{request.method}</span> <Marked text={request.path} searched={searched} />
          </span>
          {label ? <span className="text-xs text-danger">{label}</span> : null}
        </>
      ) : (
        <span className="text-muted">{requestId === null ? "Outside of a request" : "Not ended yet"}</span>
      )}
      {worst === "error" ? <Badge tone="danger">error</Badge> : null}
      {worst === "warn" ? <Badge tone="warning">warning</Badge> : null}
      <span className="ml-auto flex flex-wrap items-center gap-x-3 text-xs text-muted">
        {request ? <span className="tabular-nums">{wallTime(request.wallUs)}</span> : null}
        <span>version {group.versionNumber}</span>
        {requestId === null ? null : (
          <a
            href={hrefOf(requestId)}
            title={`${requestId}: show this request only`}
            className="font-mono text-accent-strong hover:underline"
            onClick={(event) => {
              if (event.ctrlKey || event.metaKey || event.shiftKey) return;
              event.preventDefault();
              onRequest(requestId);
            }}
          >
            {requestId.slice(0, 10)}
            <span className="sr-only">: show this request only</span>
          </a>
        )}
      </span>
    </div>
  );
}
