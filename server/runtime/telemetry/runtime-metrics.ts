import type { Accounting } from "#server/runtime/accounting.ts";
import type { TurnedAway } from "#server/runtime/gateway/turned-away.ts";
import type { Routes } from "#server/runtime/gateway/routes.ts";
import type { Fleet } from "#server/runtime/instances/fleet.ts";
import type { EgressTotals } from "#server/runtime/platform/egress-budget.ts";
import type { StartWatch } from "#server/runtime/sandbox/start-watch.ts";
import type { WarmPool } from "#server/runtime/sandbox/warm-pool.ts";
import type { CallReport } from "./call-watch.ts";
import { CallTotals } from "./call-totals.ts";
import { readLag } from "./event-loop-lag.ts";
import { counter, gauge, histogram, type Sample } from "./metric-text.ts";

export type MetricParts = {
  fleet: Pick<Fleet, "instances" | "capacity" | "waitingRoom">;
  warmPool: Pick<WarmPool, "size" | "target">;
  starts: Pick<StartWatch, "failures">;
  routes: Pick<Routes, "size">;
  accounting: Pick<Accounting, "journals" | "shipping" | "logs">;
  /** What functions sent out and fetched. */
  totals: EgressTotals;
  turnedAway: Pick<TurnedAway, "read">;
  /** Of each thread, by its name. */
  lags: ReadonlyMap<string, SharedArrayBuffer>;
};

/** The numbers of this runtime in Prometheus' text format (docs/operating.md). None is by tenant: there may be ten thousand. */
export function runtimeMetrics(parts: MetricParts): string {
  return [
    ...callMetrics(parts.accounting.shipping.calls ?? noCalls()),
    counter(
      "sluice_turned_away_total",
      "Requests that the gateway answered itself before they became calls, by the code of its answer",
      parts.turnedAway.read().map(({ code, count }): Sample => ({ labels: { code }, value: count })),
    ),
    ...instanceMetrics(parts),
    ...journalMetrics(parts),
    ...processMetrics(parts),
  ].join("");
}

/** As the shipper's thread told last, at most a second ago while calls come in. */
function callMetrics({ totals, ...dropped }: CallReport): string[] {
  const outcomes = Object.entries(totals.byOutcome).map(([outcome, value]): Sample => ({ labels: { outcome }, value }));
  return [
    counter("sluice_requests_total", "Calls of functions that are over, by how they ended", outcomes),
    histogram("sluice_request_duration_seconds", "From a call's arrival to its answer's last byte", totals.durationS),
    counter("sluice_request_cpu_seconds_total", "CPU time that calls used", totals.cpuS),
    histogram("sluice_cold_start_seconds", "How long calls waited for a process that was starting", totals.coldStartS),
    counter("sluice_request_log_dropped_total", "Request lines that nobody read in time", dropped.requestLinesDropped),
    counter("sluice_spans_sent_total", "Spans that the collector took", dropped.spansSent),
    counter("sluice_spans_dropped_total", "Spans that the collector did not take", dropped.spansDropped),
  ];
}

function instanceMetrics({ fleet, warmPool, starts, routes }: MetricParts): string[] {
  const states = { starting: fleet.capacity.starting, serving: 0, idle: 0, draining: 0 };
  let [instances, inFlight] = [0, 0];
  for (const instance of fleet.instances()) {
    instances += 1;
    inFlight += instance.account.calls;
    const state = stateOf(instance);
    if (state) states[state] += 1;
  }
  return [
    gauge("sluice_instances", "Sandboxed processes that run a function", instances),
    gauge(
      "sluice_instances_by_state",
      "The same, by what they do; those that wait for their sandbox are starting too",
      Object.entries(states).map(([state, value]) => ({ labels: { state }, value })),
    ),
    gauge("sluice_requests_in_flight", "Requests that instances are working on", inFlight),
    gauge("sluice_requests_waiting", "Requests that wait for an instance", fleet.waitingRoom.total),
    gauge("sluice_warm_sandboxes", "Sandboxes that wait for a function", warmPool.size),
    gauge("sluice_warm_sandboxes_wanted", "How many of them there should be", warmPool.target),
    counter("sluice_sandbox_start_failures_total", "Sandboxes that could not be started", starts.failures),
    gauge("sluice_functions", "Functions that are deployed", routes.size),
  ];
}

type Observed = { replacedAtMs: number | undefined; isEnding: boolean; hasListened: boolean; isIdle: boolean };

/** Undefined for one that starts: those are counted from when their place was given, before there is a process. */
function stateOf(instance: Observed): "draining" | "idle" | "serving" | undefined {
  if (!instance.hasListened) return undefined;
  if (instance.replacedAtMs !== undefined || instance.isEnding) return "draining";
  return instance.isIdle ? "idle" : "serving";
}

function journalMetrics({ accounting: { journals, shipping } }: MetricParts): string[] {
  const { shippedSeq, shippedAtMs } = shipping.progress;
  return [
    gauge("sluice_journal_seq", "Last number given to a counted fact", journals.lastSeq),
    gauge("sluice_journal_shipped_seq", "Greatest number that the ledger has", shippedSeq),
    gauge(
      "sluice_journal_lag",
      "Numbers given that the ledger does not have yet",
      Math.max(0, journals.lastSeq - shippedSeq),
    ),
    gauge(
      "sluice_journal_shipped_age_seconds",
      "Since the ledger last had everything",
      (Date.now() - shippedAtMs) / 1000,
    ),
    gauge(
      "sluice_journal_writable",
      "Whether the disk takes records; if not, requests are refused",
      Number(journals.canWrite),
    ),
  ];
}

function processMetrics({ accounting, totals, lags }: MetricParts): string[] {
  const cpu = process.cpuUsage();
  return [
    counter(
      "sluice_log_lines_dropped_total",
      "Lines that functions printed and Postgres did not take",
      accounting.logs.droppedLines,
    ),
    counter("sluice_outgoing_sent_bytes_total", "Bytes that functions sent out", totals.sentBytes),
    counter("sluice_outgoing_received_bytes_total", "Bytes that functions fetched", totals.receivedBytes),
    counter("sluice_outgoing_exchanges_total", "Requests and connections that functions made", totals.exchanges),
    counter(
      "sluice_outgoing_refused_total",
      "Refused: too many at once, or more than a function's calls bring",
      totals.refused,
    ),
    gauge(
      "sluice_event_loop_lag_seconds",
      "How late a thread's event loop came to its work in the last 15 s",
      [...lags].flatMap(([thread, memory]) => lagSamples(thread, memory)),
    ),
    counter(
      "sluice_cpu_seconds_total",
      "CPU time of the runtime's own process, all threads",
      (cpu.user + cpu.system) / 1e6,
    ),
    gauge("sluice_resident_bytes", "Memory of the runtime's own process", process.memoryUsage.rss()),
    gauge("sluice_start_time_seconds", "When the process started, since 1970", Date.now() / 1000 - process.uptime()),
  ];
}

function lagSamples(thread: string, memory: SharedArrayBuffer): Sample[] {
  const { p50S, p99S, maxS } = readLag(memory);
  return [
    { labels: { thread, quantile: "0.5" }, value: p50S },
    { labels: { thread, quantile: "0.99" }, value: p99S },
    { labels: { thread, quantile: "1" }, value: maxS },
  ];
}

/** Before the thread's first word: metrics are there from the start, and begin at nothing. */
function noCalls(): CallReport {
  return { totals: new CallTotals().read(), requestLinesDropped: 0, spansSent: 0, spansDropped: 0 };
}
