"use client";

import { useQuery } from "@tanstack/react-query";
import { useTRPC } from "#app/_trpc/client.tsx";
import type { Bill } from "./billing-data.ts";

const REFRESH_MS = 2_000;

/** The running month's bill: what the server rendered, then asked again every two seconds, once for all who show a part of it. */
export function useMonth(organizationSlug: string, initial: Bill) {
  const api = useTRPC();
  return useQuery(
    api.billing.month.queryOptions({ organizationSlug }, { initialData: initial, refetchInterval: REFRESH_MS }),
  );
}
