"use client";

import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTRPC } from "#app/_trpc/client.tsx";
import { failureOf } from "#app/_trpc/failure.ts";
import { Card, Section } from "#app/_ui/card.tsx";
import { Notice } from "#app/_ui/notice.tsx";
import { formatCount } from "#app/_ui/quantity.ts";
import { Select } from "#app/_ui/select.tsx";
import { Stat } from "#app/_ui/stat.tsx";
import { ColdStartChart, type Bucket } from "./cold-start-chart.tsx";
import { StepChart, type Series } from "./step-chart.tsx";

const spans = [
  { value: "1", label: "Last hour" },
  { value: "6", label: "Last 6 hours" },
  { value: "24", label: "Last 24 hours" },
  { value: "168", label: "Last 7 days" },
] as const;
type Span = (typeof spans)[number]["value"];
const hoursOf = { "1": 1, "6": 6, "24": 24, "168": 168 } as const satisfies Record<Span, number>;

const REFRESH_MS = 10_000;

export function MetricsView({ organization, name }: { organization: string; name: string }) {
  const [span, setSpan] = useState<Span>("1");
  const trpc = useTRPC();
  const { data, error } = useQuery(
    trpc.function.metrics.queryOptions(
      { organizationSlug: organization, name, hours: hoursOf[span] },
      { refetchInterval: REFRESH_MS, placeholderData: keepPreviousData },
    ),
  );
  return (
    <div className="grid gap-4">
      <div className="flex justify-end">
        <Select aria-label="Span of time" className="h-8.5 w-40" choices={spans} value={span} onValueChange={setSpan} />
      </div>
      {error ? <Notice tone="danger">{failureOf(error).message}</Notice> : null}
      {data ? (
        <>
          <Card>
            <dl className="grid grid-cols-2 divide-x divide-y sm:grid-cols-4 sm:divide-y-0">
              <Stat label="Requests" value={formatCount(data.total.requests)} />
              <Stat
                label="Errors"
                value={formatCount(data.total.failures)}
                note={share(data.total.failures, data.total.requests)}
              />
              <Stat
                label="Wall time, p50 / p95"
                value={pair(data.total.wallMsP50, data.total.wallMsP95)}
                note={sampleNote(data.percentilesOf)}
              />
              <Stat
                label="CPU time, p50 / p95"
                value={pair(data.total.cpuMsP50, data.total.cpuMsP95)}
                note={sampleNote(data.percentilesOf)}
              />
            </dl>
          </Card>
          <div className="grid gap-4 lg:grid-cols-2">
            {charts(data.steps).map(({ title, unit, series }) => (
              <Section key={title} title={title}>
                <StepChart title={title} unit={unit} series={series} times={data.steps.map((step) => step.at)} />
              </Section>
            ))}
          </div>
          <ColdStartTimes total={data.total} times={data.coldStarts} />
        </>
      ) : (
        <p className="py-8 text-center text-[13px] text-muted">Loading…</p>
      )}
    </div>
  );
}

/** How long calls waited that found no running instance. */
function ColdStartTimes({
  total,
  times,
}: {
  total: { requests: number; coldStarts: number };
  times: { waitMsP50: number | null; waitMsP95: number | null; buckets: Bucket[] };
}) {
  const hasTimes = times.waitMsP50 !== null;
  return (
    <Section
      title="Cold start time"
      description={hasTimes ? `p50 / p95: ${pair(times.waitMsP50, times.waitMsP95)}` : undefined}
    >
      {hasTimes ? (
        <ColdStartChart buckets={times.buckets} />
      ) : (
        <p className="py-8 text-center text-[13px] text-muted">{whyNoTimes(total)}</p>
      )}
    </Section>
  );
}

function whyNoTimes({ requests, coldStarts }: { requests: number; coldStarts: number }): string {
  if (requests === 0) return "No call in this span of time, so nothing had to start.";
  if (coldStarts === 0) return "No cold start in this span of time: every call found an instance that was running.";
  return "No cold start in this span of time has a duration: the instances did not come to serve.";
}

type Step = {
  requests: number;
  failures: number;
  coldStarts: number;
  wallMsP50: number | null;
  wallMsP95: number | null;
  cpuMsP50: number | null;
  cpuMsP95: number | null;
};

function charts(steps: readonly Step[]): { title: string; unit: string; series: Series[] }[] {
  return [
    {
      title: "Requests and errors",
      unit: "",
      series: [
        { label: "Requests", tone: "accent", shape: "bars", values: steps.map((step) => step.requests) },
        { label: "Errors", tone: "danger", shape: "bars", values: steps.map((step) => step.failures) },
      ],
    },
    {
      title: "Wall time",
      unit: "ms",
      series: [
        { label: "p50", tone: "accent", shape: "line", values: steps.map((step) => step.wallMsP50) },
        { label: "p95", tone: "warning", shape: "line", values: steps.map((step) => step.wallMsP95) },
      ],
    },
    {
      title: "CPU time",
      unit: "ms",
      series: [
        { label: "p50", tone: "accent", shape: "line", values: steps.map((step) => step.cpuMsP50) },
        { label: "p95", tone: "warning", shape: "line", values: steps.map((step) => step.cpuMsP95) },
      ],
    },
    {
      title: "Cold starts",
      unit: "",
      series: [{ label: "Cold starts", tone: "accent", shape: "bars", values: steps.map((step) => step.coldStarts) }],
    },
  ];
}

/** With very many calls, reading each would take longer than anybody waits. */
function sampleNote(of: "all" | "sample"): string | undefined {
  return of === "sample" ? "of a sample of the calls" : undefined;
}

function share(part: number, whole: number): string {
  return whole === 0 ? "of no requests" : `${((part / whole) * 100).toFixed(part === 0 ? 0 : 2)} % of requests`;
}

function pair(p50: number | null, p95: number | null): string {
  return p50 === null || p95 === null ? "–" : `${short(p50)} / ${short(p95)} ms`;
}

function short(value: number): string {
  return value.toLocaleString("en-US", { maximumSignificantDigits: value >= 100 ? 4 : 3 });
}
