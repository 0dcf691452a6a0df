import type { inferRouterOutputs } from "@trpc/server";
import type { AppRouter } from "#server/api/root.ts";
import type { Tone } from "#app/_ui/badge.tsx";

type Outputs = inferRouterOutputs<AppRouter>;
export type Call = Outputs["function"]["recentRequests"][number];
export type RunResult = Outputs["function"]["run"];
export type LogPage = Outputs["log"]["search"];
export type LogLine = LogPage["lines"][number];
export type LoggedRequest = LogPage["requests"][number];

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

/** "14:05:09.123" for what was today, and "21 Nov 14:05:09" for what was before, in the reader's own time zone. */
export function dayAndTime(atMs: number): string {
  const at = new Date(atMs);
  if (at.toDateString() === new Date().toDateString()) return clockTime(atMs);
  const day = at.toLocaleDateString("en-GB", { day: "numeric", month: "short" });
  return `${day} ${clockTime(atMs).slice(0, 8)}`;
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
