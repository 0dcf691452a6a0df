"use client";

import { useQuery } from "@tanstack/react-query";
import { X } from "lucide-react";
import { usePathname, useSearchParams } from "next/navigation";
import { useCallback, useEffect, useState } from "react";
import { useTRPC } from "#app/_trpc/client.tsx";
import { failureOf } from "#app/_trpc/failure.ts";
import { Button } from "#app/_ui/button.tsx";
import { Notice } from "#app/_ui/notice.tsx";
import { dayAndTime } from "../_requests/call.ts";
import { LogList } from "./log-list.tsx";
import { LogSearchBar, SEARCH_FIELD } from "./log-search-bar.tsx";
import { addressOf, canFollow, viewOf, WHOLE_LOG, type LogView } from "./log-view.ts";
import { NothingFound } from "./nothing-found.tsx";
import { useLogEntries } from "./use-log-entries.ts";

/** A function's log. What it shows is in the page's address; the page itself stays as it is. */
export function LogViewer({ organization, name }: { organization: string; name: string }) {
  const { view, show, change, hrefOf } = useLogView();
  const [isLive, setLive] = useState(true);
  const trpc = useTRPC();
  const versions = useQuery(trpc.function.versions.queryOptions({ organizationSlug: organization, name }));
  const { groups, pages, followError } = useLogEntries({ organization, name, view, isLive });
  const onRequest = useCallback((requestId: string) => show({ ...WHOLE_LOG, requestId }, "push"), [show]);
  useSearchKey();

  const error = pages.error ?? followError;
  const statuses = new Set(groups.flatMap(({ request }) => request?.status || []));
  const isCut = (pages.data?.pages ?? []).some((page) => page.isCut);
  return (
    <div className="grid grid-cols-1 gap-3">
      <LogSearchBar
        view={view}
        onChange={change}
        versions={(versions.data ?? []).map(({ number }) => number)}
        statuses={[...statuses]}
        live={{ isOn: isLive, canBe: canFollow(view), onToggle: () => setLive(!isLive) }}
      />
      {view.requestId === null ? null : (
        <RequestChip requestId={view.requestId} onRemove={() => change({ requestId: null }, "push")} />
      )}
      {error ? <Notice tone="danger">{failureOf(error).message}</Notice> : null}
      {isCut ? <Notice>Some requests printed more lines than fit here. Open one by its id to see all.</Notice> : null}
      <LogList
        groups={groups}
        isDimmed={pages.isPlaceholderData}
        searched={view.text.trim()}
        hrefOf={hrefOf}
        onRequest={onRequest}
      />
      {groups.length > 0 ? null : pages.isPending || pages.isPlaceholderData ? (
        <p className="py-8 text-center text-[13px] text-muted">Searching…</p>
      ) : pages.hasNextPage ? null : (
        <NothingFound
          view={view}
          isLive={isLive && canFollow(view)}
          onWholeTime={() => change({ time: WHOLE_LOG.time })}
          onWholeLog={() => show(WHOLE_LOG)}
        />
      )}
      <Older pages={pages} hasGroups={groups.length > 0} />
    </div>
  );
}

/** The page's address as what it shows, and how to change both. */
function useLogView() {
  const pathname = usePathname();
  const params = useSearchParams();
  const show = useCallback(
    (next: LogView, how: "replace" | "push" = "replace") => {
      const address = addressOf(next);
      const url = address === "" ? pathname : `${pathname}?${address}`;
      // Next follows the browser's own history, and asks the server for nothing.
      if (how === "push") window.history.pushState(null, "", url);
      else window.history.replaceState(null, "", url);
    },
    [pathname],
  );
  // On top of what is shown by then: a text that was typed is searched for a moment later.
  const change = useCallback(
    (part: Partial<LogView>, how?: "push") =>
      show({ ...viewOf(new URLSearchParams(window.location.search)), ...part }, how),
    [show],
  );
  const hrefOf = useCallback(
    (requestId: string) => `${pathname}?${addressOf({ ...WHOLE_LOG, requestId })}`,
    [pathname],
  );
  return { view: viewOf(params), show, change, hrefOf };
}

/** "/" leads to the search field, unless one is typing already. */
function useSearchKey(): void {
  useEffect(() => {
    function press(event: KeyboardEvent) {
      const isTyping = event.target instanceof Element && event.target.closest("input, textarea, [contenteditable]");
      if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || isTyping) return;
      event.preventDefault();
      document.getElementById(SEARCH_FIELD)?.focus();
    }
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, []);
}

function RequestChip({ requestId, onRemove }: { requestId: string; onRemove: () => void }) {
  return (
    <div className="flex flex-wrap items-center gap-2 text-[13px]">
      <span className="inline-flex max-w-full items-center gap-1 rounded-full border bg-accent-soft py-0.5 pr-0.5 pl-2.5 text-accent-strong">
        <span className="truncate font-mono text-xs">{requestId}</span>
        <Button
          variant="ghost"
          size="icon"
          className="size-6 rounded-full"
          aria-label="Show all requests"
          onClick={onRemove}
        >
          <X aria-hidden />
        </Button>
      </span>
    </div>
  );
}

function Older({ pages, hasGroups }: { pages: ReturnType<typeof useLogEntries>["pages"]; hasGroups: boolean }) {
  const last = pages.data?.pages.at(-1);
  if (!last || pages.isPlaceholderData) return null;
  if (!pages.hasNextPage)
    return hasGroups ? (
      <p className="py-2 text-center text-xs text-muted">That is all that matches. Lines are kept for seven days.</p>
    ) : null;
  return (
    <div className="flex flex-wrap items-center justify-center gap-3 py-2">
      <span className="text-[13px] text-muted">
        {hasGroups ? "Searched" : "Nothing found yet: searched"} back to {dayAndTime(last.searchedToMs)}
      </span>
      <Button isBusy={pages.isFetchingNextPage} onClick={() => void pages.fetchNextPage()}>
        Load older
      </Button>
    </div>
  );
}
