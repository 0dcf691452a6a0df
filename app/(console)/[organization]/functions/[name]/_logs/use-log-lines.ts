import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useTRPC, useTRPCClient } from "#app/_trpc/client.tsx";
import type { LogLine } from "../_requests/call.ts";

const REFRESH_MS = 1_000;
const LINES_KEPT = 2_000;

/** What a function prints, live: each time only the lines after the last one are asked for. */
export function useLogLines(of: { organization: string; name: string; requestId: string | null; isPaused: boolean }) {
  const { organization, name, requestId, isPaused } = of;
  const trpc = useTRPC();
  const client = useTRPCClient();
  const queryClient = useQueryClient();
  const input = { organizationSlug: organization, name, ...(requestId === null ? {} : { requestId }) };
  const queryKey = [...trpc.function.logs.queryKey(input), "live"];
  return useQuery({
    queryKey,
    queryFn: async ({ signal }) => {
      const known = queryClient.getQueryData<LogLine[]>(queryKey) ?? [];
      const afterId = known.at(-1)?.id;
      const added = await client.function.logs.query(
        { ...input, ...(afterId === undefined ? {} : { afterId }) },
        { signal },
      );
      return added.length === 0 ? known : [...known, ...added].slice(-LINES_KEPT);
    },
    refetchInterval: isPaused ? false : REFRESH_MS,
    structuralSharing: false,
  });
}
