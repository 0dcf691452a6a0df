import type { inferRouterOutputs } from "@trpc/server";
import type { AppRouter } from "#server/api/root.ts";
import { formatBytes, formatCount, formatCpu } from "./quantity.ts";

export type Meter = inferRouterOutputs<AppRouter>["usage"]["month"]["lines"][number]["meter"];

/** How each meter is called, written and priced on every page. */
export const meters: Record<Meter, { title: string; format: (quantity: bigint) => string; pricedPer: string }> = {
  requests: { title: "Requests", format: formatCount, pricedPer: "a million requests" },
  cpu: { title: "CPU time", format: formatCpu, pricedPer: "a CPU-hour" },
  egress: { title: "Egress", format: formatBytes, pricedPer: "a GB" },
  storage: { title: "Storage", format: formatGigabytes, pricedPer: "a GB-month" },
};

/** Storage is read in one unit, so that "0 GB" stands beside "1 GB". */
function formatGigabytes(bytes: bigint): string {
  return bytes === 0n ? "0 GB" : formatBytes(bytes);
}
