import { classNames } from "#app/_ui/class-names.ts";
import { clockTime, type LogLine } from "../_requests/call.ts";

const colours: Record<LogLine["level"], string> = {
  debug: "text-muted",
  log: "text-text",
  info: "text-accent-strong",
  warn: "text-warning",
  error: "text-danger",
};

export function LogLines({ lines }: { lines: readonly LogLine[] }) {
  return (
    <ol className="overflow-x-auto rounded-md border bg-sunken/60 py-1 font-mono text-[12.5px] leading-relaxed">
      {lines.map((line) => (
        <li key={line.id} className="flex gap-3 px-3 py-px">
          <time className="shrink-0 text-muted">{clockTime(line.atMs)}</time>
          <span className={classNames("w-10 shrink-0", colours[line.level])}>{line.level}</span>
          <span className={classNames("min-w-0 break-words whitespace-pre-wrap", colours[line.level])}>
            {line.message}
          </span>
        </li>
      ))}
    </ol>
  );
}
