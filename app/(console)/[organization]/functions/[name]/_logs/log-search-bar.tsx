import { Radio, Search, X } from "lucide-react";
import { useRef, useState, type KeyboardEvent } from "react";
import { Button } from "#app/_ui/button.tsx";
import { classNames } from "#app/_ui/class-names.ts";
import { Input } from "#app/_ui/input.tsx";
import { Select } from "#app/_ui/select.tsx";
import { isSpan, LEVELS, type LogView } from "./log-view.ts";

/** While a person types, the search waits for a pause this long. */
const TYPING_MS = 300;

const levelChoices = [
  { value: "debug", label: "All levels" },
  { value: "log", label: "Log and above" },
  { value: "info", label: "Info and above" },
  { value: "warn", label: "Warnings, errors" },
  { value: "error", label: "Errors" },
] as const;

const statusClasses = [
  { value: "all", label: "All statuses" },
  { value: "2xx", label: "2xx" },
  { value: "3xx", label: "3xx" },
  { value: "4xx", label: "4xx" },
  { value: "5xx", label: "5xx" },
];

const timeChoices = [
  { value: "15m", label: "Last 15 minutes" },
  { value: "1h", label: "Last hour" },
  { value: "24h", label: "Last 24 hours" },
  { value: "7d", label: "Last 7 days" },
  { value: "between", label: "Between…" },
] as const;

type Props = {
  view: LogView;
  onChange: (change: Partial<LogView>) => void;
  /** Numbers of versions and statuses that can be chosen. */
  versions: readonly number[];
  statuses: readonly number[];
  live: { isOn: boolean; canBe: boolean; onToggle: () => void };
};

export function LogSearchBar({ view, onChange, versions, statuses, live }: Props) {
  const known = new Set([...versions, ...(view.version === null ? [] : [view.version])]);
  const versionChoices = [
    { value: "all", label: "All versions" },
    ...[...known].toSorted((a, b) => b - a).map((number) => ({ value: String(number), label: `Version ${number}` })),
  ];
  const exact = [...new Set([...statuses.map(String), ...(view.status?.endsWith("x") ? [] : [view.status ?? ""])])];
  const statusChoices = [
    ...statusClasses,
    ...exact
      .filter(Boolean)
      .toSorted()
      .map((status) => ({ value: status, label: status })),
  ];
  return (
    <div role="search" aria-label="Log" className="grid grid-cols-1 gap-2">
      <div className="grid grid-cols-2 gap-2 sm:flex sm:flex-wrap">
        <SearchField text={view.text} onSearch={(text) => onChange({ text })} />
        <Select
          aria-label="Status"
          className="sm:w-36"
          choices={statusChoices}
          value={view.status ?? "all"}
          onValueChange={(status) => onChange({ status: status === "all" ? null : status })}
        />
        <Select
          aria-label="Level"
          className="sm:w-40"
          choices={levelChoices}
          value={view.level ?? "debug"}
          onValueChange={(level) =>
            onChange({ level: level === "debug" ? null : (LEVELS.find((known) => known === level) ?? null) })
          }
        />
        <Select
          aria-label="Version"
          className="sm:w-34"
          choices={versionChoices}
          value={view.version === null ? "all" : String(view.version)}
          onValueChange={(version) => onChange({ version: version === "all" ? null : Number(version) })}
        />
        <Select
          aria-label="Time"
          className="sm:w-40"
          choices={timeChoices}
          value={view.time.kind === "last" ? view.time.span : "between"}
          onValueChange={(time) =>
            onChange({
              time: isSpan(time) ? { kind: "last", span: time } : { kind: "between", fromMs: null, toMs: null },
            })
          }
        />
        <LiveButton {...live} />
      </div>
      {view.time.kind === "between" ? (
        <div className="flex flex-wrap items-center gap-x-4 gap-y-2 text-[13px]">
          <Moment
            label="From"
            atMs={view.time.fromMs}
            onChange={(fromMs) => onChange({ time: { kind: "between", toMs: toMsOf(view), fromMs } })}
          />
          <Moment
            label="To"
            atMs={view.time.toMs}
            onChange={(toMs) => onChange({ time: { kind: "between", fromMs: fromMsOf(view), toMs } })}
          />
        </div>
      ) : null}
    </div>
  );
}

function fromMsOf({ time }: LogView): number | null {
  return time.kind === "between" ? time.fromMs : null;
}

function toMsOf({ time }: LogView): number | null {
  return time.kind === "between" ? time.toMs : null;
}

function LiveButton({ isOn, canBe, onToggle }: Props["live"]) {
  const isLive = isOn && canBe;
  return (
    <Button
      aria-pressed={isLive}
      disabled={!canBe}
      onClick={onToggle}
      title={canBe ? "Show what is printed as it is printed" : "The chosen time is over: nothing new can be in it"}
      className={classNames(
        "h-9 max-sm:col-span-2",
        isLive && "border-accent/50 bg-accent-soft text-accent-strong hover:bg-accent-soft",
      )}
    >
      <Radio aria-hidden className={isLive ? "motion-safe:animate-pulse" : ""} />
      Live
    </Button>
  );
}

/** What is typed stays the field's own until there is a pause, or Enter; Escape empties it. */
function SearchField({ text, onSearch }: { text: string; onSearch: (text: string) => void }) {
  const [typed, setTyped] = useState<string | null>(null);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const shown = typed ?? text;
  function search(next: string) {
    clearTimeout(timer.current);
    setTyped(null);
    if (next !== text) onSearch(next);
  }
  function type(next: string) {
    clearTimeout(timer.current);
    setTyped(next);
    timer.current = setTimeout(() => search(next), TYPING_MS);
  }
  function press(event: KeyboardEvent) {
    if (event.key === "Enter") search(shown);
    if (event.key === "Escape") search("");
  }
  return (
    <div className="relative col-span-2 min-w-52 flex-1">
      <Search aria-hidden className="pointer-events-none absolute top-2.5 left-2.5 size-4 text-muted" />
      <Input
        id={SEARCH_FIELD}
        aria-label="Search"
        aria-keyshortcuts="/"
        placeholder="Search lines and paths"
        maxLength={200}
        className="pr-9 pl-8.5"
        autoComplete="off"
        spellCheck={false}
        value={shown}
        onChange={(event) => type(event.target.value)}
        onKeyDown={press}
      />
      {shown === "" ? (
        <kbd
          aria-hidden
          className="pointer-events-none absolute top-2 right-2.5 rounded border px-1.5 text-xs leading-4.5 text-muted max-sm:hidden"
        >
          /
        </kbd>
      ) : (
        <Button
          variant="ghost"
          size="icon"
          aria-label="Clear the search"
          className="absolute top-1 right-1 size-7"
          onClick={() => search("")}
        >
          <X aria-hidden />
        </Button>
      )}
    </div>
  );
}

export const SEARCH_FIELD = "log-search";

function Moment(props: { label: string; atMs: number | null; onChange: (atMs: number | null) => void }) {
  const { label, atMs, onChange } = props;
  return (
    <label className="flex items-center gap-2">
      <span className="text-muted">{label}</span>
      <Input
        type="datetime-local"
        className="h-8 w-auto"
        defaultValue={atMs === null ? "" : localText(atMs)}
        onChange={(event) => onChange(event.target.value === "" ? null : new Date(event.target.value).getTime())}
      />
    </label>
  );
}

/** "2026-11-24T14:05", in the reader's own time zone, as the browser's field wants it. */
function localText(atMs: number): string {
  const at = new Date(atMs);
  return new Date(atMs - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
