import { cpus, loadavg, release, totalmem } from "node:os";
import type { ColdResult, Spread } from "./cold.ts";
import type { SaveResult } from "./save-to-live.ts";
import type { WarmResult } from "./warm.ts";

export type Results = {
  warm: WarmResult;
  cold: ColdResult;
  save: SaveResult;
  workerdVersion: string;
  durationS: number;
};

type Row = readonly [what: string, gateway: string, workerd: string, node: string, ratio: string];
type Aim = { what: string; isMet: boolean; figure: string };

/** The text of bench/RESULTS.md, which is also what is printed. */
export function report(results: Results): string {
  return [
    "# Benchmarks",
    "",
    "Made by `npm run bench`; every run writes this file anew. Each row's figures come from the same run, taken in turns.",
    "",
    ...machine(results),
    "",
    ...table(rowsOf(results)),
    "",
    ...notes(results),
    "",
    "## Aims",
    "",
    ...aimsOf(results).map(({ what, isMet, figure }) => `- aim ${isMet ? "met" : "missed"}: ${what}: ${figure}`),
    "",
  ].join("\n");
}

function machine({ workerdVersion, durationS }: Results): string[] {
  const [cpu] = cpus();
  const memoryGb = totalmem() / 1024 ** 3;
  return [
    `- date: ${new Date().toISOString().slice(0, 16).replace("T", " ")} UTC, ${durationS.toFixed(0)} s in all`,
    `- machine: ${cpus().length} x ${cpu?.model.trim() ?? "unknown processor"}, ${memoryGb.toFixed(0)} GB, Linux ${release()}; load average at the end ${loadavg()[0]?.toFixed(1)}`,
    `- software: Node ${process.version}, ${workerdVersion}`,
    "- the load generator, Postgres and the instances share these cores with the gateway",
  ];
}

function rowsOf({ warm, cold, save }: Results): Row[] {
  const { gateway, workerd, node } = warm.figures;
  return [
    [
      "warm requests a second, c=32",
      whole(gateway.requestsPerS),
      whole(workerd.requestsPerS),
      whole(node.requestsPerS),
      times(gateway.requestsPerS, workerd.requestsPerS),
    ],
    ["latency at c=32, p50 / p99 ms", both(gateway), both(workerd), both(node), times(gateway.p50Ms, workerd.p50Ms)],
    ["latency at c=1, p50 / p99 ms", one(gateway), one(workerd), one(node), times(gateway.p50OneMs, workerd.p50OneMs)],
    ["added by the gateway at c=1, p50 ms", (gateway.p50OneMs - workerd.p50OneMs).toFixed(2), "", "", ""],
    ["gateway CPU a request, us", whole(warm.gatewayCpuUs), "", "", ""],
    [
      "cold start from zero, p50 / p99 ms",
      both(cold.gateway),
      `${both(cold.workerdBinary)} (binary config)`,
      "",
      times(cold.gateway.p50Ms, cold.workerdBinary.p50Ms),
    ],
    [
      "the same, warm pool empty",
      both(cold.gatewayEmptyPool),
      `${both(cold.workerdText)} (text config)`,
      "",
      times(cold.gatewayEmptyPool.p50Ms, cold.workerdText.p50Ms),
    ],
    ["save to live, p50 / p99 ms", both(save.live), "", "", ""],
    ["of which deploy(), p50 / p99 ms", both(save.deploy), "", "", ""],
  ];
}

function table(rows: readonly Row[]): string[] {
  return [
    "| what | through the gateway | bare workerd | plain Node | gateway / workerd |",
    "|---|---:|---:|---:|---:|",
    ...rows.map((row) => `| ${row.join(" | ")} |`),
  ];
}

function notes({ warm, cold, save }: Results): string[] {
  const { gateway, workerd } = warm.figures;
  return [
    "- warm: medians of 5 rounds, contestants in turn, loopback TCP for all three, kept-alive connections with one request at a time." +
      " The gateway's path is the whole one: route, allowance, sandboxed instance, CPU clock, journal with group fsync, shipper into a real Postgres.",
    `- every warm call is in the ledger: ${warm.counted} rows, the last of them ${whole(warm.ledgerLagMs)} ms after the last answer`,
    `- the load generator used ${whole(gateway.generatorCpuUs)} us of CPU a request on the gateway, ${whole(workerd.generatorCpuUs)} us on workerd`,
    `- cold: ${cold.samples} functions, each called for the first time, on a new connection, to the first byte of the answer; workerd from spawn to the first byte,` +
      " its request waiting on the socket it inherits; unlike the platform's it is in no sandbox",
    `- save to live: ${save.samples} edits, from before deploy() to the first answer of the new version; of deploy(), bundling ${save.parts.bundleMs.toFixed(1)} ms,` +
      ` starting ${save.parts.startMs.toFixed(1)} ms, storing ${save.parts.storeMs.toFixed(1)} ms`,
  ];
}

function aimsOf({ warm, cold, save }: Results): Aim[] {
  const { gateway, workerd } = warm.figures;
  const warmRatio = gateway.requestsPerS / workerd.requestsPerS;
  const coldRatio = cold.gateway.p50Ms / cold.workerdBinary.p50Ms;
  const addedMs = gateway.p50OneMs - workerd.p50OneMs;
  return [
    {
      what: "warm requests a second at least 0.5x bare workerd",
      isMet: warmRatio >= 0.5,
      figure: `${warmRatio.toFixed(2)}x`,
    },
    {
      what: "cold start p50 at most 1.0x bare workerd's spawn",
      isMet: coldRatio <= 1,
      figure: `${coldRatio.toFixed(2)}x`,
    },
    {
      what: "save to live p50 at most 100 ms",
      isMet: save.live.p50Ms <= 100,
      figure: `${save.live.p50Ms.toFixed(1)} ms`,
    },
    {
      what: "gateway CPU a request at most 120 us",
      isMet: warm.gatewayCpuUs <= 120,
      figure: `${whole(warm.gatewayCpuUs)} us`,
    },
    { what: "latency added at c=1 at most 0.4 ms", isMet: addedMs <= 0.4, figure: `${addedMs.toFixed(2)} ms` },
  ];
}

function both({ p50Ms, p99Ms }: Spread): string {
  return `${precise(p50Ms)} / ${precise(p99Ms)}`;
}

function one({ p50OneMs, p99OneMs }: { p50OneMs: number; p99OneMs: number }): string {
  return both({ p50Ms: p50OneMs, p99Ms: p99OneMs });
}

function times(value: number, anchor: number): string {
  return `${(value / anchor).toFixed(2)}x`;
}

function whole(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

/** Two decimals below 10, one above. */
function precise(value: number): string {
  return value < 10 ? value.toFixed(2) : value.toFixed(1);
}
