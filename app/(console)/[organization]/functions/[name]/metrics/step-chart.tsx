import { classNames } from "#app/_ui/class-names.ts";

export type Series = {
  label: string;
  tone: "accent" | "warning" | "danger";
  shape: "bars" | "line";
  /** One a step; null where there is nothing to say. */
  values: (number | null)[];
};

const WIDTH = 480;
const HEIGHT = 120;

const fills = { accent: "fill-accent", warning: "fill-warning", danger: "fill-danger" } as const;
const strokes = { accent: "stroke-accent", warning: "stroke-warning", danger: "stroke-danger" } as const;
const dots = { accent: "bg-accent", warning: "bg-warning", danger: "bg-danger" } as const;

/** Values over equal steps of time. The numbers are in the text beside it as well: a picture alone says nothing to a screen reader. */
export function StepChart({
  title,
  unit,
  series,
  times,
}: {
  title: string;
  unit: string;
  series: Series[];
  times: Date[];
}) {
  const greatest = Math.max(0, ...series.flatMap(({ values }) => values.map((value) => value ?? 0)));
  const top = niceCeiling(greatest);
  const text = series
    .map(({ label, values }) => `${label} at most ${number(Math.max(0, ...values.map((value) => value ?? 0)))} ${unit}`)
    .join(", ");
  return (
    <figure>
      <div className="flex gap-2">
        <div className="flex flex-col justify-between text-right text-[11px] text-muted tabular-nums" aria-hidden>
          <span>{`${number(top)} ${unit}`}</span>
          <span>0</span>
        </div>
        <svg
          viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
          preserveAspectRatio="none"
          className="h-32 w-full min-w-0 flex-1"
          role="img"
          aria-label={`${title}: ${text}`}
        >
          {[0, 0.5, 1].map((at) => (
            <line
              key={at}
              x1={0}
              x2={WIDTH}
              y1={HEIGHT * at}
              y2={HEIGHT * at}
              className="stroke-line"
              vectorEffect="non-scaling-stroke"
            />
          ))}
          {series.map((each) =>
            each.shape === "bars" ? (
              <Bars key={each.label} series={each} top={top} />
            ) : (
              <Line key={each.label} series={each} top={top} />
            ),
          )}
        </svg>
      </div>
      <figcaption className="mt-1.5 flex flex-wrap justify-between gap-x-4 text-[11px] text-muted">
        <span>{times[0] ? localTime(times[0]) : ""}</span>
        <span className="flex gap-3">
          {series.map(({ label, tone }) => (
            <span key={label} className="flex items-center gap-1.5">
              <span aria-hidden className={classNames("size-2 rounded-full", dots[tone])} />
              {label}
            </span>
          ))}
        </span>
        <span>now</span>
      </figcaption>
    </figure>
  );
}

function Bars({ series: { values, tone }, top }: { series: Series; top: number }) {
  const step = WIDTH / values.length;
  return values.map((value, position) => {
    const height = ((value ?? 0) / top) * HEIGHT;
    const x = position * step + step * 0.12;
    return <rect key={x} x={x} width={step * 0.76} y={HEIGHT - height} height={height} className={fills[tone]} />;
  });
}

/** A line through the steps that have a value; it breaks where there was no call. */
function Line({ series: { values, tone }, top }: { series: Series; top: number }) {
  const step = WIDTH / values.length;
  const x = (position: number) => position * step + step / 2;
  const path = values
    .map((value, position) => {
      if (value === null) return "";
      const y = HEIGHT - (value / top) * HEIGHT;
      // A step alone between two empty ones would be a point without length, so it gets the width of its step.
      const isStart = (values[position - 1] ?? null) === null;
      const isAlone = isStart && (values[position + 1] ?? null) === null;
      if (isAlone) return `M${x(position) - step / 2} ${y}h${step}`;
      return `${isStart ? "M" : "L"}${x(position)} ${y}`;
    })
    .join("");
  return (
    <path
      d={path}
      fill="none"
      strokeWidth={1.75}
      strokeLinejoin="round"
      className={strokes[tone]}
      vectorEffect="non-scaling-stroke"
    />
  );
}

/** The next of 1, 2, 5 times a power of ten. */
function niceCeiling(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 5, 10].find((factor) => factor * power >= value) ?? 10) * power;
}

function number(value: number): string {
  return value.toLocaleString("en-US", { maximumSignificantDigits: 3 });
}

function localTime(at: Date): string {
  return at.toLocaleString("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
}
