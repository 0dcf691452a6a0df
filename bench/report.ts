import { cpus, loadavg, release, totalmem } from "node:os";
import type { Aim, Findings } from "./part.ts";

export type Run = {
  findings: readonly Findings[];
  versions: readonly string[];
  /** Settings of the runtime that were in the environment. */
  settings: readonly string[];
  loadBefore: number;
  durationS: number;
};

/** The text of bench/RESULTS.md, which is also what is printed. */
export function report(run: Run): string {
  const aims = run.findings.flatMap((one) => one.aims);
  return [
    "# Benchmarks",
    "",
    "Made by `npm run bench`; every whole run writes this file anew. All figures are of one run, with contestants in turn.",
    "",
    ...machine(run),
    "",
    "## Aims",
    "",
    aims.length === 0
      ? "None is set for what was measured."
      : `${aims.filter(({ kind }) => kind === "met").length} of ${aims.length} met.`,
    "",
    ...aims.map(line),
    ...run.findings.flatMap(({ sections }) =>
      sections.flatMap(({ title, lines }) => ["", `## ${title}`, "", ...lines]),
    ),
    "",
  ].join("\n");
}

function line(aim: Aim): string {
  switch (aim.kind) {
    case "met":
    case "missed":
      return `- ${aim.kind}: ${aim.what}: ${aim.figure}`;
    case "not measured":
      return `- not measured: ${aim.what}: ${aim.why}`;
  }
}

function machine({ versions, settings, loadBefore, durationS }: Run): string[] {
  const [cpu] = cpus();
  const memoryGb = totalmem() / 1024 ** 3;
  return [
    `- date: ${new Date().toISOString().slice(0, 16).replace("T", " ")} UTC, ${durationS.toFixed(0)} s in all`,
    `- machine: ${cpus().length} x ${cpu?.model.trim() ?? "unknown processor"}, ${memoryGb.toFixed(0)} GB, Linux ${release()}; load average ${loadBefore.toFixed(1)} before, ${loadavg()[0]?.toFixed(1)} after`,
    `- software: ${versions.join(", ")}`,
    `- settings of the runtime: ${settings.length === 0 ? "all as they are by default" : settings.join(", ")}`,
    "- the load generator, Postgres and the instances share these cores with the gateway",
    ...(loadBefore >= cpus().length
      ? ["- **the machine was busy before the run began: no figure here says what it would on a quiet one**"]
      : []),
  ];
}
