import { classNames } from "#app/_ui/class-names.ts";
import { clockTime, type LogLine } from "../_requests/call.ts";

const colours: Record<LogLine["level"], string> = {
  debug: "text-muted",
  log: "text-text",
  info: "text-accent-strong",
  warn: "text-warning",
  error: "text-danger",
};

/** Printed lines. What of them was searched for is marked. */
export function LogLines({ lines, searched = "" }: { lines: readonly LogLine[]; searched?: string }) {
  return (
    <ol className="overflow-x-auto rounded-md border bg-sunken/60 py-1 font-mono text-[12.5px] leading-relaxed">
      {lines.map((line) => (
        <li key={line.id} className="flex gap-3 px-3 py-px max-sm:flex-wrap max-sm:gap-x-2">
          <time className="shrink-0 text-muted">{clockTime(line.atMs)}</time>
          <span className={classNames("w-10 shrink-0", colours[line.level])}>{line.level}</span>
          <span className={classNames("min-w-0 break-words whitespace-pre-wrap", colours[line.level])}>
            <Marked text={line.message} searched={searched} />
          </span>
        </li>
      ))}
    </ol>
  );
}

export function Marked({ text, searched }: { text: string; searched: string }) {
  if (searched === "") return text;
  // Splitting at a group keeps what it matched, at the odd places.
  const parts = text.split(new RegExp(`(${searched.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)})`, "iu"));
  return parts.map((part, at) =>
    at % 2 === 1 ? (
      <mark key={at} className="rounded-xs bg-warning-soft text-inherit outline outline-warning/40">
        {part}
      </mark>
    ) : (
      part
    ),
  );
}
