import type { inferRouterOutputs } from "@trpc/server";
import type { AppRouter } from "#server/api/root.ts";
import type { Tone } from "#app/_ui/badge.tsx";

type Outputs = inferRouterOutputs<AppRouter>["function"];
export type Call = Outputs["recentRequests"][number];
export type RunResult = Outputs["run"];
export type LogLine = Outputs["logs"][number];

export function statusTone(status: number): Tone {
  if (status >= 500 || status === 0) return "danger";
  if (status >= 400) return "warning";
  return status >= 300 ? "accent" : "success";
}

function two(part: number): string {
  return String(part).padStart(2, "0");
}

/** "14:05:09.123", in the reader's own time zone. Only for what is drawn in the browser. */
export function clockTime(atMs: number): string {
  const at = new Date(atMs);
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, "0")}`;
}

/** "12.3 ms" out of microseconds; "2.40 s" beyond a second. */
export function wallTime(us: number): string {
  if (us >= 1_000_000) return `${(us / 1_000_000).toFixed(2)} s`;
  return `${(us / 1000).toFixed(us < 10_000 ? 2 : 1)} ms`;
}

/** How a call ended, when it did not simply answer. */
export function outcomeLabel(outcome: Call["outcome"]): string | null {
  return outcome === "ok" ? null : outcome.replaceAll("_", " ");
}
