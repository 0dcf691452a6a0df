import { keepPreviousData, useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { useMemo, useRef } from "react";
import { useTRPCClient } from "#app/_trpc/client.tsx";
import type { LoggedRequest, LogLine } from "../_requests/call.ts";
import { groupsOf, openRequestIds, withNew } from "./log-groups.ts";
import { addressOf, canFollow, filterOf, type LogView } from "./log-view.ts";

/** A line is in Postgres some 120 ms after it was printed, and on the page at the next question after that. */
const FOLLOW_EVERY_MS = 500;
/** Who comes back to the page after this long starts at the newest page again, and does not wait for all that was missed. */
const FOLLOWED_MS_AGO_MAX = 60_000;
const FOLLOWED_LINES_MAX = 5_000;
const FOLLOWED_REQUESTS_MAX = 2_000;
const OPEN_REQUESTS_MAX = 40;

type LogOf = { organization: string; name: string; view: LogView };
type Entries = { lines: readonly LogLine[]; requests: readonly LoggedRequest[] };
/** Up to where the log that was searched first at `start` was followed. */
type Reached = { start: string; after: string; askedAtMs: number };

const nothing: Entries = { lines: [], requests: [] };

/** The log of a function as far as it was looked at, newest first, with what comes while it is live. */
export function useLogEntries(of: LogOf & { isLive: boolean }) {
  const pages = useLogPages(of);
  const searched = useMemo(
    () => ({
      lines: (pages.data?.pages.toReversed() ?? []).flatMap((page) => page.lines),
      requests: (pages.data?.pages ?? []).flatMap((page) => page.requests),
    }),
    [pages.data],
  );
  const start = (pages.isPlaceholderData ? null : pages.data?.pages[0]?.after) ?? null;
  const followed = useFollowed({ ...of, start, searched });
  const { lines, requests } = followed.data ?? nothing;
  const groups = useMemo(
    () => groupsOf([...searched.lines, ...lines], [...searched.requests, ...requests]),
    [searched, lines, requests],
  );
  return { groups, pages, followError: followed.error };
}

function pagesKeyOf({ organization, name, view }: LogOf): string[] {
  return ["log", organization, name, addressOf(view)];
}

/** Searched backwards, a page at a time. A page that was searched stays true: what is new is followed. */
function useLogPages(of: LogOf) {
  const { organization, name, view } = of;
  const client = useTRPCClient();
  return useInfiniteQuery({
    queryKey: pagesKeyOf(of),
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) => {
      const before = pageParam === undefined ? {} : { before: pageParam };
      const filter = filterOf(view, Date.now());
      return client.log.search.query({ organizationSlug: organization, name, filter, ...before }, { signal });
    },
    getNextPageParam: (page) => page.older ?? undefined,
    // What was found before stays, dimmed, until there is something new to show.
    placeholderData: keepPreviousData,
    staleTime: Infinity,
    gcTime: 0,
  });
}

/** What was stored since the first page was searched: each time only what comes after the last is asked for. */
function useFollowed(of: LogOf & { isLive: boolean; start: string | null; searched: Entries }) {
  const { organization, name, view, isLive, start, searched } = of;
  const client = useTRPCClient();
  const queryClient = useQueryClient();
  // Beside the data, which stays the very same while nothing comes, so that nothing is drawn.
  const reached = useRef<Reached>(undefined);
  const queryKey = [...pagesKeyOf(of), "followed", start];
  return useQuery({
    queryKey,
    enabled: isLive && canFollow(view) && start !== null,
    refetchInterval: FOLLOW_EVERY_MS,
    queryFn: async ({ signal }): Promise<Entries> => {
      const known = queryClient.getQueryData<Entries>(queryKey) ?? nothing;
      const { after, askedAtMs } = reachedFrom(reached.current, start ?? "");
      if (Date.now() - askedAtMs > FOLLOWED_MS_AGO_MAX) {
        void queryClient.resetQueries({ queryKey: pagesKeyOf(of), exact: true });
        return known;
      }
      const openIds = openRequestIds(
        [...searched.lines, ...known.lines],
        [...searched.requests, ...known.requests],
        OPEN_REQUESTS_MAX,
      );
      const filter = filterOf({ ...view, time: { kind: "last", span: "7d" } }, 0);
      const tail = await client.log.follow.query(
        { organizationSlug: organization, name, filter, after, openRequestIds: openIds },
        { signal },
      );
      reached.current = { start: start ?? "", after: tail.after, askedAtMs: Date.now() };
      return withNewEntries(known, tail);
    },
    staleTime: Infinity,
    gcTime: 0,
    structuralSharing: false,
    retry: false,
  });
}

function reachedFrom(reached: Reached | undefined, start: string): Reached {
  return reached?.start === start ? reached : { start, after: start, askedAtMs: Date.now() };
}

function withNewEntries(known: Entries, { lines, requests }: Entries): Entries {
  if (lines.length === 0 && requests.length === 0) return known;
  return {
    lines: withNew(known.lines, lines, FOLLOWED_LINES_MAX),
    requests: withNew(known.requests, requests, FOLLOWED_REQUESTS_MAX),
  };
}
