import type { VersionSpec } from "#server/contract/prepare.ts";
import { collectOutput, type Output, type OutputEvents, type PrintedLine } from "#server/runtime/logs/log-collector.ts";
import { splitBackground } from "#server/runtime/meter/background.ts";
import { callKey, CpuAccount } from "#server/runtime/meter/cpu-account.ts";
import { readCpuNs } from "#server/runtime/meter/cpu-clock.ts";
import type { Journal } from "#server/runtime/meter/journal.ts";
import { OwnUse, type OwnLease } from "#server/runtime/meter/own-use.ts";
import type { Sandbox } from "#server/runtime/sandbox/sandbox.ts";
import { newId } from "#server/std/id.ts";
import { describeEnd, type EndReason, type Failure } from "./failure.ts";

/** How long work given to waitUntil may go on after the answer, as on Cloudflare. */
const WAIT_UNTIL_MS_MAX = 30_000;
/** Code outside of handlers may take this long. */
export const START_MS_MAX = 10_000;

export type InstanceParts = {
  journal: Journal;
  onLine(spec: VersionSpec, line: PrintedLine): void;
  /** The lease of the organization, out of which comes what the instance uses outside of its calls. */
  leaseOf(organizationId: string): OwnLease;
};

/**
 * One sandboxed process of one version, as the supervisor of instances has it: when it starts and ends, what it prints,
 * and what it uses outside of answers. Who is at work in it stands in its account, which the gateway's threads share.
 */
export class Instance {
  readonly id: string = newId("instance");
  readonly spec: VersionSpec;
  readonly sandbox: Sandbox;
  readonly account: CpuAccount;
  readonly #parts: InstanceParts;
  readonly #startedAtMs = Date.now();
  readonly #after = new Map<string, NodeJS.Timeout>();
  readonly #output: Output;
  readonly #ownUse: OwnUse;
  #reported = { unbilledNs: 0, backgroundNs: 0, sentBytes: 0 };
  #sentBytes = 0;
  #endReason: EndReason | undefined;
  #replacedAtMs: number | undefined;
  #seen = { begun: 0, atMs: Date.now() };
  #isOutdated = false;
  hasExited = false;
  hasListened = false;

  constructor(spec: VersionSpec, sandbox: Sandbox, parts: InstanceParts) {
    this.spec = spec;
    this.sandbox = sandbox;
    this.#parts = parts;
    this.#ownUse = new OwnUse(parts.leaseOf(spec.organizationId));
    this.account = new CpuAccount(CpuAccount.memoryFor(spec.limits.concurrencyPerInstanceMax), () =>
      readCpuNs(sandbox.pid),
    );
    const events: OutputEvents = {
      line: (line) => parts.onLine(spec, line),
      waiting: (requestId, isWaiting) => (isWaiting ? this.#beginAfter(requestId) : this.#endAfter(requestId)),
    };
    this.#output = collectOutput(sandbox.output, events, spec.limits);
    const startTimer = setTimeout(() => void this.end("failed_start"), START_MS_MAX);
    void sandbox.listening.then((state) => {
      clearTimeout(startTimer);
      if (state !== "listening") return;
      this.hasListened = true;
      this.account.listens();
    });
    void sandbox.exited.then(() => this.#ended());
    sandbox.out.configure(spec, {
      calls: this.account,
      notice: (message) => this.#output.notice(message),
      send: (bytes) => this.#send(bytes),
    });
    this.coverOwnUse(0);
    sandbox.configure(spec);
  }

  /** Whether the platform has decided to end it. */
  get isEnding(): boolean {
    return this.#endReason !== undefined || this.hasExited;
  }

  /** Whether nothing of a tenant is going on in it. */
  get isIdle(): boolean {
    return this.account.shares === 0;
  }

  /** For how long nothing has been going on. To be called every so often (fleet.ts): calls that came and went between are seen by their number. */
  idleMs(nowMs: number): number {
    const { begun } = this.account;
    if (!this.isIdle || begun !== this.#seen.begun) this.#seen = { begun, atMs: nowMs };
    return nowMs - this.#seen.atMs;
  }

  /** Since when another version serves in its place, and it only finishes what it has. */
  get replacedAtMs(): number | undefined {
    return this.#replacedAtMs;
  }

  /** Its version serves, or serves no more. */
  serve(isServing: boolean): void {
    this.#replacedAtMs = isServing && !this.#isOutdated ? undefined : (this.#replacedAtMs ?? Date.now());
  }

  /** Its version has other limits now: it finishes what it has, and takes nothing new. */
  outdate(): void {
    this.#isOutdated = true;
    this.account.close(true);
    this.serve(false);
  }

  /** Ends the process if nothing is going on in it, and says whether it does: a call may have come since one looked. */
  endIfIdle(reason: EndReason): boolean {
    if (this.isEnding) return false;
    this.account.close(true);
    if (this.isIdle) {
      void this.end(reason);
      return true;
    }
    this.account.close(this.#isOutdated);
    return false;
  }

  /** Ends the process at once. */
  async end(reason: EndReason): Promise<void> {
    this.#endReason ??= reason;
    this.account.gone(); // the last reading that will ever be had
    await this.sandbox.kill();
  }

  /** What a caller is told whose connection broke: whose fault it was, and why. Waits a while for the process's end to be known. */
  async failureWithin(timeMsMax: number): Promise<Failure> {
    if (this.#endReason) return describeEnd(this.#endReason, this.#output.lastWords(), this.hasListened);
    const alive = new Promise<"alive">((resolve) => setTimeout(() => resolve("alive"), timeMsMax));
    const state = await Promise.race([this.sandbox.exited, alive]);
    if (state === "alive")
      return { outcome: "function_crashed", message: "The function broke off the connection. See its logs." };
    return describeEnd(state.isOutOfMemory ? "memory_limit" : undefined, this.#output.lastWords(), this.hasListened);
  }

  /** What it printed last, the platform's own lines included: why it did not start. */
  lastWords(): string {
    return this.#output.lastWords();
  }

  /** Sees to it that what it uses outside of calls stays reserved; `aftersNs` of it is work after answers that goes on. */
  coverOwnUse(aftersNs: number): void {
    const { backgroundNs, sentBytes } = this.#background();
    const cpuNs = backgroundNs - this.#reported.backgroundNs + aftersNs;
    this.#ownUse.cover({ cpuNs, egressBytes: sentBytes - this.#reported.sentBytes }, (reason) => {
      this.#output.notice(reason);
      void this.end("spend_cap");
    });
  }

  /** Writes what start-up and idle have used and what was sent out since the last call into the journal. */
  reportBackground(): void {
    const now = this.#background();
    const before = this.#reported;
    this.#reported = now;
    this.#record("unbilled", { cpuNs: now.unbilledNs - before.unbilledNs }, null, "free background");
    const used = { cpuNs: now.backgroundNs - before.backgroundNs, egressBytes: now.sentBytes - before.sentBytes };
    this.#charge("background", used, null);
  }

  #background(): { unbilledNs: number; backgroundNs: number; sentBytes: number } {
    const cpu = splitBackground(this.account.settle(), (Date.now() - this.#startedAtMs) / 1000);
    return { ...cpu, sentBytes: this.#sentBytes };
  }

  /** Whether these bytes may leave the instance; those that may not are not sent. */
  #send(bytes: number): boolean {
    if (!this.#ownUse.maySend(this.#sentBytes + bytes - this.#reported.sentBytes)) {
      this.#output.notice("The organization's budget has no egress left, so what the function sends out is cut.");
      return false;
    }
    this.#sentBytes += bytes;
    return true;
  }

  #beginAfter(requestId: string): void {
    if (!this.account.beginAfter(callKey(requestId))) return;
    this.#after.set(
      requestId,
      setTimeout(() => this.#afterTooLong(requestId), WAIT_UNTIL_MS_MAX),
    );
  }

  /** The time counts from the answer, and one that is still being given keeps its work. */
  #afterTooLong(requestId: string): void {
    if (!this.account.isAnswering(callKey(requestId))) return this.#endAfter(requestId);
    this.#after.set(
      requestId,
      setTimeout(() => this.#afterTooLong(requestId), WAIT_UNTIL_MS_MAX),
    );
  }

  #endAfter(requestId: string): void {
    clearTimeout(this.#after.get(requestId));
    if (!this.#after.delete(requestId)) return;
    const cpuNs = this.account.endAfter(callKey(requestId)) ?? 0;
    this.#charge("after", { cpuNs, egressBytes: 0 }, requestId);
  }

  #ended(): void {
    this.account.gone();
    this.hasExited = true;
    for (const requestId of this.#after.keys()) this.#endAfter(requestId);
    this.reportBackground();
    this.#ownUse.release();
  }

  /** What was used beyond what could be reserved is the platform's. */
  #charge(kind: "after" | "background", used: { cpuNs: number; egressBytes: number }, requestId: string | null): void {
    const charged = this.#ownUse.charge(used);
    this.#record(kind, charged, requestId, kind === "after" ? "ok" : "background");
    this.#record("unbilled", { cpuNs: used.cpuNs - charged.cpuNs }, requestId, "beyond the budget");
  }

  #record(
    kind: "after" | "background" | "unbilled",
    { cpuNs, egressBytes = 0 }: { cpuNs: number; egressBytes?: number },
    requestId: string | null,
    outcome: string,
  ): void {
    if (cpuNs <= 0 && egressBytes <= 0) return;
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
      egressBytes,
      outcome,
    });
  }
}
