"use client";

import { useQuery } from "@tanstack/react-query";
import type { inferRouterOutputs } from "@trpc/server";
import { useTRPC } from "#app/_trpc/client.tsx";
import { failureOf } from "#app/_trpc/failure.ts";
import { Notice } from "#app/_ui/notice.tsx";
import type { AppRouter } from "#server/api/root.ts";
import { DrillForm } from "./drill-form.tsx";
import { DrillOutcome } from "./drill-outcome.tsx";

export type LatestDrill = inferRouterOutputs<AppRouter>["drill"]["latest"];

const REFRESH_MS = 400;

/** The form, and below it how the last drill goes or went: asked again and again while it is under way. */
export function DrillCard({
  organizationSlug,
  functionNames,
  initial,
}: {
  organizationSlug: string;
  functionNames: string[];
  initial: LatestDrill;
}) {
  const trpc = useTRPC();
  const { data: latest, error } = useQuery(
    trpc.drill.latest.queryOptions(
      { organizationSlug },
      {
        initialData: initial,
        refetchInterval: ({ state }) => (state.data?.stage.kind === "running" ? REFRESH_MS : false),
      },
    ),
  );
  if (functionNames.length === 0) {
    return <p className="text-[13px] text-muted">Deploy a function first: a drill runs what serves.</p>;
  }
  return (
    <div className="grid gap-4">
      <DrillForm
        organizationSlug={organizationSlug}
        functionNames={functionNames}
        isRunning={latest?.stage.kind === "running"}
      />
      {error ? <Notice tone="danger">Not up to date: {failureOf(error).message}</Notice> : null}
      {latest ? <DrillOutcome drill={latest} /> : null}
    </div>
  );
}
