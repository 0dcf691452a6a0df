import { Pool } from "undici";
import type { VersionSpec } from "#server/contract/prepare.ts";
import { CpuAttribution, type CpuShare } from "#server/runtime/meter/cpu-attribution.ts";
import { readCpuNs } from "#server/runtime/meter/cpu-clock.ts";
import type { Journal } from "#server/runtime/meter/journal.ts";
import { splitBackground } from "#server/runtime/meter/background.ts";
import { collectOutput, type PrintedLine } from "#server/runtime/logs/log-collector.ts";
import type { Sandbox } from "#server/runtime/sandbox/sandbox.ts";

/** Why an instance was ended by the platform, where it was. */
export type EndReason = "cpu_limit" | "memory_limit" | "idle" | "replaced" | "shutdown" | "failed_start";

/** How long work given to waitUntil may go on after the answer, as on Cloudflare. */
const WAIT_UNTIL_MS_MAX = 30_000;
/**
 * The word that a request waits comes from the tenant's isolate, and may be forged without end (docs/decisions/0004): past
 * this many at a time it is not heard, and what such work uses is shared among the others or charged as background.
 */
const WAITING_MAX = 1_000;
/** Code outside of handlers may take this long. */
export const START_MS_MAX = 10_000;
const OUT_OF_HEAP = "JavaScript heap out of memory";

export type InstanceParts = { journal: Journal; onLine(spec: VersionSpec, line: PrintedLine): void };

export type Failure = {
  outcome: "cpu_limit" | "memory_limit" | "function_crashed" | "platform_failed";
  message: string;
};

/** A request that this instance is working on. */
export type Lease = {
  readonly requestId: string;
  readonly share: CpuShare;
  /** The answer is over: the share is final. */
  leave(): void;
};

/** One sandboxed process of one version, with what it is working on and what it has used. */
export class Instance {
  readonly spec: VersionSpec;
  readonly sandbox: Sandbox;
  readonly upstream: Pool;
  readonly cpu: CpuAttribution;
  readonly leases = new Set<Lease>();
  readonly #parts: InstanceParts;
  readonly #startedAtMs = Date.now();
  readonly #waiting = new Set<string>();
  readonly #after = new Map<string, { share: CpuShare; timer: NodeJS.Timeout }>();
  readonly #output: { lastWords(): string };
  #reported = { unbilledNs: 0, backgroundNs: 0 };
  #endReason: EndReason | undefined;
  hasExited = false;
  hasListened = false;
  /** It takes no new requests: its version was replaced, or it is being ended. */
  isDraining = false;
  lastUsedAtMs = Date.now();

  constructor(spec: VersionSpec, sandbox: Sandbox, parts: InstanceParts) {
    this.spec = spec;
    this.sandbox = sandbox;
    this.#parts = parts;
    this.cpu = new CpuAttribution(() => readCpuNs(sandbox.pid));
    this.#output = collectOutput(sandbox.output, {
      line: (line) => parts.onLine(spec, line),
      waiting: (requestId, isWaiting) => this.#setWaiting(requestId, isWaiting),
    });
    // No timeouts of the client's own: the gateway holds the limits of the function.
    this.upstream = new Pool("http://function", {
      socketPath: sandbox.inSocketPath,
      connections: spec.limits.concurrencyPerInstanceMax,
      pipelining: 1,
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    const startTimer = setTimeout(() => void this.end("failed_start"), START_MS_MAX);
    void sandbox.listening.then((state) => {
      clearTimeout(startTimer);
      if (state === "listening") this.#hasStarted();
    });
    void sandbox.exited.then(() => this.#ended());
    sandbox.configure(spec);
  }

  get inFlight(): number {
    return this.leases.size;
  }

  /** What each request, and each work that goes on after one, has used so far. */
  *shares(): Generator<CpuShare> {
    for (const lease of this.leases) yield lease.share;
    for (const { share } of this.#after.values()) yield share;
  }

  /** Whether the platform has decided to end it. */
  get isEnding(): boolean {
    return this.#endReason !== undefined || this.hasExited;
  }

  /** Whether nothing of a tenant is going on in it. */
  get isIdle(): boolean {
    return this.leases.size === 0 && this.#after.size === 0;
  }

  /** Before the process listens, its CPU is start-up and nobody's share. */
  enter(requestId: string): Lease {
    const share = this.hasListened ? this.cpu.begin() : { cpuNs: 0 };
    const lease: Lease = { requestId, share, leave: () => this.#leave(lease) };
    this.leases.add(lease);
    return lease;
  }

  /** Ends the process at once. */
  async end(reason: EndReason): Promise<void> {
    this.#endReason ??= reason;
    this.isDraining = true;
    this.cpu.settle(); // the last reading that will ever be had
    await this.sandbox.kill();
  }

  /** What a caller is told whose connection broke: whose fault it was, and why. Waits a while for the process's end to be known. */
  async failureWithin(timeMsMax: number): Promise<Failure> {
    const alive = new Promise<"alive">((resolve) => setTimeout(() => resolve("alive"), timeMsMax));
    const state = await Promise.race([this.sandbox.exited, alive]);
    if (state === "alive")
      return { outcome: "function_crashed", message: "The function broke off the connection. See its logs." };
    return describeEnd(
      this.#endReason ?? (state.isOutOfMemory ? "memory_limit" : undefined),
      this.#output.lastWords(),
      this.hasListened,
    );
  }

  /** What it printed last, the platform's own lines included: why it did not start. */
  lastWords(): string {
    return this.#output.lastWords();
  }

  /** Writes what start-up and idle have used since the last call into the journal. */
  reportBackground(): void {
    const now = splitBackground(this.cpu.settle(), (Date.now() - this.#startedAtMs) / 1000);
    const before = this.#reported;
    this.#reported = now;
    this.#record("unbilled", now.unbilledNs - before.unbilledNs, null, "free background");
    this.#record("background", now.backgroundNs - before.backgroundNs, null, "background");
  }

  #hasStarted(): void {
    this.hasListened = true;
    this.cpu.settle();
    for (const lease of this.leases) this.cpu.begin(lease.share);
  }

  #leave(lease: Lease): void {
    if (!this.leases.delete(lease)) return;
    this.cpu.end(lease.share);
    this.lastUsedAtMs = Date.now();
    if (this.#waiting.has(lease.requestId)) this.#beginAfter(lease.requestId);
  }

  /** The word may come before the answer is over or, as it takes another way, just after it. */
  #setWaiting(requestId: string, isWaiting: boolean): void {
    if (!isWaiting) {
      this.#waiting.delete(requestId);
      this.#endAfter(requestId);
      return;
    }
    if (this.#waiting.size >= WAITING_MAX) return;
    this.#waiting.add(requestId);
    const isOpen = [...this.leases].some((lease) => lease.requestId === requestId);
    if (!isOpen) this.#beginAfter(requestId);
  }

  #beginAfter(requestId: string): void {
    if (this.#after.has(requestId) || this.hasExited) return;
    const timer = setTimeout(() => this.#setWaiting(requestId, false), WAIT_UNTIL_MS_MAX);
    this.#after.set(requestId, { share: this.cpu.begin(), timer });
  }

  #endAfter(requestId: string): void {
    const after = this.#after.get(requestId);
    if (!after) return;
    clearTimeout(after.timer);
    this.#after.delete(requestId);
    this.cpu.end(after.share);
    this.lastUsedAtMs = Date.now();
    this.#record("after", after.share.cpuNs, requestId, "ok");
  }

  #ended(): void {
    this.hasExited = true;
    for (const requestId of this.#after.keys()) this.#endAfter(requestId);
    this.reportBackground();
    void this.upstream.destroy();
  }

  #record(kind: "after" | "background" | "unbilled", cpuNs: number, requestId: string | null, outcome: string): void {
    if (cpuNs <= 0) return;
    const { organizationId, functionId, versionId } = this.spec;
    const { journal } = this.#parts;
    journal.append({
      kind,
      seq: journal.nextSeq(),
      organizationId,
      functionId,
      versionId,
      requestId,
      atMs: Date.now(),
      cpuNs,
      outcome,
    });
  }
}

function describeEnd(reason: EndReason | undefined, lastWords: string, hasListened: boolean): Failure {
  switch (reason) {
    case "cpu_limit":
      return {
        outcome: "cpu_limit",
        message: "The function used more CPU time than its limit allows. Do less in one request, or raise the limit.",
      };
    case "memory_limit":
      return {
        outcome: "memory_limit",
        message:
          "The function used more memory than its limit allows. Keep less at once, stream large bodies, or raise the limit.",
      };
    case "idle":
    case "replaced":
    case "shutdown":
      return { outcome: "platform_failed", message: "The instance was stopped by the platform. Try again." };
    case "failed_start":
    case undefined:
      if (lastWords.includes(OUT_OF_HEAP)) {
        return {
          outcome: "memory_limit",
          message:
            "The function used more memory than its limit allows. Keep less at once, stream large bodies, or raise the limit.",
        };
      }
      if (reason === "failed_start")
        return {
          outcome: "function_crashed",
          message: `The function did not start within ${START_MS_MAX / 1000} s. Code outside of handlers must end quickly.`,
        };
      return hasListened
        ? {
            outcome: "function_crashed",
            message: "The function's process ended while it worked on the request. See its logs.",
          }
        : { outcome: "function_crashed", message: `The function could not start: ${firstLine(lastWords)}` };
  }
}

function firstLine(text: string): string {
  return text.split("\n")[0]?.slice(0, 500) || "it printed nothing";
}
