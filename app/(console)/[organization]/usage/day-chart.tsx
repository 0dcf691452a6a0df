import { formatBytes, formatCount, formatCpu, formatDay } from "#app/_ui/quantity.ts";
import type { Month } from "./usage-report.tsx";

export type Measure = "requests" | "cpuNs" | "egressBytes";

const formats = { requests: formatCount, cpuNs: formatCpu, egressBytes: formatBytes } as const;
const HEIGHT_PARTS = 1_000n;

/** One bar a day. It is a list of days with their numbers first, which a screen reader reads, and a picture second. */
export function DayChart({ days, measure }: { days: Month["byDay"]; measure: Measure }) {
  const format = formats[measure];
  const greatest = days.reduce((most, day) => (day.usage[measure] > most ? day.usage[measure] : most), 0n);
  if (greatest === 0n) return <p className="text-[13px] text-muted">Nothing yet this month.</p>;
  return (
    <div>
      <p aria-hidden className="mb-1 text-xs text-muted tabular-nums">
        {format(greatest)}
      </p>
      <ol className="flex h-32 items-end gap-px border-t border-b border-dashed border-b-line-strong sm:gap-1">
        {days.map((day) => {
          const amount = day.usage[measure];
          const text = `${formatDay(day.dayAt)}: ${format(amount)}`;
          const share = Number((amount * HEIGHT_PARTS) / greatest) / Number(HEIGHT_PARTS);
          return (
            <li key={day.dayAt.getTime()} title={text} className="group flex h-full min-w-0 flex-1 items-end">
              <span className="sr-only">{text}</span>
              <span
                aria-hidden
                className="w-full rounded-t-[3px] bg-accent/80 transition-colors group-hover:bg-accent"
                style={{ height: amount > 0n ? `max(${share * 100}%, 2px)` : 0 }}
              />
            </li>
          );
        })}
      </ol>
      <p aria-hidden className="mt-1 flex justify-between text-xs text-muted">
        <span>{days[0] ? formatDay(days[0].dayAt) : ""}</span>
        <span>{days.length > 1 ? formatDay(days[days.length - 1]?.dayAt ?? new Date(0)) : ""}</span>
      </p>
    </div>
  );
}
