"use client";

import { useQuery } from "@tanstack/react-query";
import { Pause, Play, ScrollText } from "lucide-react";
import Link from "next/link";
import { useState } from "react";
import { useTRPC } from "#app/_trpc/client.tsx";
import { failureOf } from "#app/_trpc/failure.ts";
import { Badge } from "#app/_ui/badge.tsx";
import { Button } from "#app/_ui/button.tsx";
import { CodeBlock } from "#app/_ui/code-block.tsx";
import { EmptyState } from "#app/_ui/empty-state.tsx";
import { Input } from "#app/_ui/input.tsx";
import { Notice } from "#app/_ui/notice.tsx";
import { Select } from "#app/_ui/select.tsx";
import { clockTime, statusTone, type Call, type LogLine } from "../_requests/call.ts";
import { LogLines } from "./log-lines.tsx";
import { useLogLines } from "./use-log-lines.ts";

const LEVELS = ["debug", "log", "info", "warn", "error"] as const;
const levelChoices = [
  { value: "debug", label: "All levels" },
  { value: "info", label: "Info and above" },
  { value: "warn", label: "Warnings and errors" },
  { value: "error", label: "Errors" },
] as const;
type LeastLevel = (typeof levelChoices)[number]["value"];

const CALLS_REFRESH_MS = 2_000;

type Props = { organization: string; name: string; requestId: string | null };

export function LogViewer({ organization, name, requestId }: Props) {
  const [isPaused, setPaused] = useState(false);
  const [search, setSearch] = useState("");
  const [least, setLeast] = useState<LeastLevel>("debug");
  const trpc = useTRPC();
  const lines = useLogLines({ organization, name, requestId, isPaused });
  const calls = useQuery(
    trpc.function.recentRequests.queryOptions(
      { organizationSlug: organization, name },
      { refetchInterval: isPaused ? false : CALLS_REFRESH_MS },
    ),
  );
  const callOf = new Map((calls.data ?? []).map((call) => [call.requestId, call]));
  const groups = grouped((lines.data ?? []).filter((line) => isShown(line, search, least)));

  return (
    <div className="grid gap-3">
      <div className="flex flex-wrap items-center gap-2">
        <Input
          aria-label="Filter by text"
          placeholder="Filter by text"
          className="h-8.5 min-w-40 flex-1 sm:max-w-72"
          value={search}
          onChange={(event) => setSearch(event.target.value)}
        />
        <Select
          aria-label="Filter by level"
          className="h-8.5 w-48"
          choices={levelChoices}
          value={least}
          onValueChange={setLeast}
        />
        <Button onClick={() => setPaused(!isPaused)} aria-pressed={isPaused}>
          {isPaused ? <Play aria-hidden /> : <Pause aria-hidden />}
          {isPaused ? "Resume" : "Pause"}
        </Button>
        <output className="text-[13px] text-muted">{isPaused ? "Paused" : "Live"}</output>
        {requestId === null ? null : (
          <Button asChild variant="ghost">
            <Link href={`/${organization}/functions/${name}/logs`}>Show all requests</Link>
          </Button>
        )}
      </div>
      {lines.error ? <Notice tone="danger">{failureOf(lines.error).message}</Notice> : null}
      {groups.length > 0 ? (
        <ol className="grid gap-2" aria-label="Requests that printed something">
          {groups.map((group) => (
            <li key={group.key}>
              <RequestLogs group={group} call={callOf.get(group.key)} />
            </li>
          ))}
        </ol>
      ) : (
        <NothingPrinted
          isLoaded={lines.isSuccess}
          isFiltered={(lines.data ?? []).length > 0}
          isOneRequest={requestId !== null}
        />
      )}
    </div>
  );
}

type Group = { key: string; lines: LogLine[] };

/** Lines by request, newest request first; lines of no request (start-up) each stand where they were printed. */
function grouped(lines: readonly LogLine[]): Group[] {
  const groups = new Map<string, Group>();
  for (const line of lines) {
    const key = line.requestId ?? `start-up of version ${line.versionNumber}`;
    const group = groups.get(key) ?? { key, lines: [] };
    group.lines.push(line);
    groups.set(key, group);
  }
  return [...groups.values()].toReversed();
}

function isShown(line: LogLine, search: string, least: LeastLevel): boolean {
  return (
    LEVELS.indexOf(line.level) >= LEVELS.indexOf(least) &&
    line.message.toLowerCase().includes(search.trim().toLowerCase())
  );
}

function RequestLogs({ group, call }: { group: Group; call: Call | undefined }) {
  const [first] = group.lines;
  const worst = LEVELS.findLast((level) => group.lines.some((line) => line.level === level));
  return (
    <details open className="rounded-lg border bg-surface">
      <summary className="flex cursor-pointer flex-wrap items-center gap-x-3 gap-y-1 px-3 py-2 text-[13px] hover:bg-sunken/50">
        <time className="font-mono text-[12.5px] text-muted">{first ? clockTime(first.atMs) : ""}</time>
        {call ? (
          <>
            <span className="max-w-72 truncate font-mono text-[12.5px]">
              <span className="font-semibold">{call.method}</span> {call.path}
            </span>
            <Badge tone={statusTone(call.status)}>{call.status}</Badge>
          </>
        ) : (
          <span className="truncate font-mono text-[12.5px] text-muted">{group.key}</span>
        )}
        {worst === "error" ? <Badge tone="danger">error</Badge> : null}
        {worst === "warn" ? <Badge tone="warning">warning</Badge> : null}
        <span className="ml-auto text-xs text-muted">
          {group.lines.length === 1 ? "1 line" : `${group.lines.length} lines`} · version {first?.versionNumber}
        </span>
      </summary>
      <div className="px-3 pb-3">
        <LogLines lines={group.lines} />
      </div>
    </details>
  );
}

function NothingPrinted({
  isLoaded,
  isFiltered,
  isOneRequest,
}: {
  isLoaded: boolean;
  isFiltered: boolean;
  isOneRequest: boolean;
}) {
  if (!isLoaded) return <p className="py-8 text-center text-[13px] text-muted">Loading…</p>;
  if (isFiltered) return <p className="py-8 text-center text-[13px] text-muted">No line matches the filter.</p>;
  return (
    <EmptyState icon={ScrollText} title={isOneRequest ? "This request printed nothing" : "Nothing printed yet"}>
      <p className="mb-3">
        Print something in your function, call it, and it appears here within a second, under its request.
      </p>
      <CodeBlock label="Example" code={'console.log("order received", order.id);'} className="text-left" />
    </EmptyState>
  );
}
