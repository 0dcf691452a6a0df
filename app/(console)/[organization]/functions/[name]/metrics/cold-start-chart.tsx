import { formatCount } from "#app/_ui/quantity.ts";

export type Bucket = { upToMs: number | null; calls: number };

/**
 * How many cold starts took how long, a bar a bucket. It is a list with its numbers first, which a screen reader reads, and
 * a picture second; buckets grow by about two each, so equal widths show a spread from milliseconds to seconds.
 */
export function ColdStartChart({ buckets }: { buckets: readonly Bucket[] }) {
  const greatest = Math.max(1, ...buckets.map(({ calls }) => calls));
  return (
    <figure>
      <ol
        className="flex h-36 items-end gap-px border-b border-line-strong sm:gap-1"
        aria-label="Cold starts by duration"
      >
        {buckets.map(({ calls }, at) => {
          const text = `${spanOf(buckets, at)}: ${formatCount(calls)} ${calls === 1 ? "cold start" : "cold starts"}`;
          return (
            <li key={at} title={text} className="group flex h-full min-w-0 flex-1 flex-col justify-end">
              <span className="sr-only">{text}</span>
              {calls > 0 ? (
                <span aria-hidden className="text-center text-[11px] text-muted tabular-nums">
                  {calls.toLocaleString("en-US", { notation: "compact" })}
                </span>
              ) : null}
              <span
                aria-hidden
                className="rounded-t-[3px] bg-accent transition-colors group-hover:bg-accent-strong"
                style={{ height: calls > 0 ? `max(${(calls / greatest) * 85}%, 2px)` : 0 }}
              />
            </li>
          );
        })}
      </ol>
      <div aria-hidden className="mt-1 flex gap-px text-[11px] text-muted tabular-nums sm:gap-1">
        {buckets.map(({ upToMs }, at) => (
          <span key={at} className="min-w-0 flex-1 text-center whitespace-nowrap max-sm:even:invisible">
            {upToMs === null ? "more" : duration(upToMs)}
          </span>
        ))}
      </div>
      <figcaption className="mt-1.5 text-[11px] text-muted">
        Each bar: the calls that waited up to so long for their instance to start, and longer than the bar before.
      </figcaption>
    </figure>
  );
}

function spanOf(buckets: readonly Bucket[], at: number): string {
  const from = buckets[at - 1]?.upToMs;
  const to = buckets[at]?.upToMs;
  if (from === undefined || from === null) return `Up to ${duration(to ?? 0)}`;
  return to === undefined || to === null ? `More than ${duration(from)}` : `${duration(from)} to ${duration(to)}`;
}

function duration(ms: number): string {
  return ms < 1_000 ? `${ms} ms` : `${ms / 1_000} s`;
}
