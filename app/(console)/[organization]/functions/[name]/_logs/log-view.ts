import type { inferRouterInputs } from "@trpc/server";
import type { AppRouter } from "#server/api/root.ts";

export type LogFilter = inferRouterInputs<AppRouter>["log"]["search"]["filter"];
export type LogLevel = NonNullable<LogFilter["level"]>;

const MINUTE_MS = 60_000;
const spans = { "15m": 15 * MINUTE_MS, "1h": 60 * MINUTE_MS, "24h": 1_440 * MINUTE_MS, "7d": 7 * 1_440 * MINUTE_MS };
export type Span = keyof typeof spans;

export const LEVELS = ["debug", "log", "info", "warn", "error"] as const satisfies readonly LogLevel[];

/** What of the log a page shows. It is what the page's address says, so that a link shows another person the same. */
export type LogView = {
  text: string;
  level: LogLevel | null;
  status: string | null;
  version: number | null;
  requestId: string | null;
  time: LogTime;
};
/** Up to now, or between two times, either of which may be open. */
export type LogTime = { kind: "last"; span: Span } | { kind: "between"; fromMs: number | null; toMs: number | null };

export const WHOLE_LOG: LogView = {
  text: "",
  level: null,
  status: null,
  version: null,
  requestId: null,
  time: { kind: "last", span: "7d" },
};

/** Reads an address; what it says that can't be is left out. */
export function viewOf(params: URLSearchParams): LogView {
  const version = Number(params.get("version") ?? "");
  return {
    text: (params.get("search") ?? "").slice(0, 200),
    level: LEVELS.find((level) => level === params.get("level")) ?? null,
    status: /^[1-5](?:xx|\d\d)$/.test(params.get("status") ?? "") ? params.get("status") : null,
    version: Number.isInteger(version) && version > 0 && version <= 1e9 ? version : null,
    requestId: /^req_[0-9A-Za-z]{1,40}$/.test(params.get("request") ?? "") ? params.get("request") : null,
    time: timeOf(params),
  };
}

function timeOf(params: URLSearchParams): LogTime {
  const [fromMs, toMs] = [momentOf(params.get("from")), momentOf(params.get("to"))];
  if (params.get("time") === "between" || fromMs !== null || toMs !== null) return { kind: "between", fromMs, toMs };
  const span = params.get("time") ?? "";
  return { kind: "last", span: isSpan(span) ? span : "7d" };
}

function momentOf(text: string | null): number | null {
  const atMs = Date.parse(text ?? "");
  return Number.isFinite(atMs) && atMs >= 0 ? atMs : null;
}

export function isSpan(text: string): text is Span {
  return Object.hasOwn(spans, text);
}

/** The part of an address after the "?", empty for the whole log. */
export function addressOf({ text, level, status, version, requestId, time }: LogView): string {
  const params = new URLSearchParams();
  if (text !== "") params.set("search", text);
  if (level) params.set("level", level);
  if (status) params.set("status", status);
  if (version !== null) params.set("version", String(version));
  if (requestId) params.set("request", requestId);
  if (time.kind === "last" && time.span !== "7d") params.set("time", time.span);
  if (time.kind === "between") {
    if (time.fromMs === null && time.toMs === null) params.set("time", "between");
    if (time.fromMs !== null) params.set("from", new Date(time.fromMs).toISOString());
    if (time.toMs !== null) params.set("to", new Date(time.toMs).toISOString());
  }
  return params.toString();
}

/** What the server is asked for. Seven days are all that is kept, so they are no bound. */
export function filterOf({ text, level, status, version, requestId, time }: LogView, nowMs: number): LogFilter {
  const isAll = time.kind === "last" && time.span === "7d";
  const fromMs = time.kind === "between" ? time.fromMs : isAll ? null : nowMs - spans[time.span];
  const toMs = time.kind === "between" ? time.toMs : null;
  return {
    ...(text.trim() === "" ? {} : { text }),
    ...(level ? { level } : {}),
    ...(status ? { status } : {}),
    ...(version === null ? {} : { version }),
    ...(isRequestId(requestId) ? { requestId } : {}),
    ...(fromMs === null ? {} : { fromMs }),
    ...(toMs === null ? {} : { toMs }),
  };
}

function isRequestId(text: string | null): text is NonNullable<LogFilter["requestId"]> {
  return text !== null;
}

/** Whether what is printed from now on can be part of it. */
export function canFollow({ time }: LogView): boolean {
  return time.kind === "last" || time.toMs === null;
}

export function isWholeLog(view: LogView): boolean {
  return addressOf(view) === "";
}
