"use client";

import { useQuery } from "@tanstack/react-query";
import type { inferRouterOutputs } from "@trpc/server";
import { useState } from "react";
import type { AppRouter } from "#server/api/root.ts";
import { useTRPC } from "#app/_trpc/client.tsx";
import { failureOf } from "#app/_trpc/failure.ts";
import { Section } from "#app/_ui/card.tsx";
import { meters } from "#app/_ui/meters.ts";
import { Notice } from "#app/_ui/notice.tsx";
import { Select } from "#app/_ui/select.tsx";
import { DayChart, type Measure } from "./day-chart.tsx";
import { FunctionTable } from "./function-table.tsx";
import { UsageTable } from "./usage-table.tsx";

export type Month = inferRouterOutputs<AppRouter>["usage"]["month"];

const REFRESH_MS = 2_000;

const measures = [
  { value: "requests", label: meters.requests.title },
  { value: "cpuNs", label: meters.cpu.title },
  { value: "egressBytes", label: meters.egress.title },
] as const satisfies readonly { value: Measure; label: string }[];

/** What the server rendered, then asked again every two seconds for as long as the page is looked at. */
export function UsageReport({ organizationSlug, initial }: { organizationSlug: string; initial: Month }) {
  const api = useTRPC();
  const [measure, setMeasure] = useState<Measure>("requests");
  const { data: month, error } = useQuery(
    api.usage.month.queryOptions({ organizationSlug }, { initialData: initial, refetchInterval: REFRESH_MS }),
  );
  return (
    <div className="grid gap-5">
      {error ? <Notice tone="danger">Not up to date: {failureOf(error).message}</Notice> : null}
      {month.stoppedBecause === null ? null : <Notice tone="danger">{month.stoppedBecause}</Notice>}
      <Section
        title="This month"
        className="p-0"
        actions={
          <p className="text-[13px] text-muted">
            Worth <span className="font-medium text-text tabular-nums">{month.worth}</span> at list price, before what
            is included
          </p>
        }
      >
        <UsageTable month={month} />
      </Section>
      <Section
        title="By day"
        actions={
          <Select
            aria-label="Measure"
            choices={measures}
            value={measure}
            onValueChange={setMeasure}
            className="h-8 w-36"
          />
        }
      >
        <DayChart days={month.byDay} measure={measure} />
      </Section>
      <Section title="By function" className="p-0">
        <FunctionTable rows={month.byFunction} organizationSlug={organizationSlug} />
      </Section>
    </div>
  );
}
