import type { IncomingMessage } from "node:http";
import type { RequestOutcome } from "#server/contract/usage.ts";
import type { TraceRecord } from "#server/runtime/meter/journal-record.ts";
import type { Journal } from "#server/runtime/meter/journal.ts";
import { nothing } from "#server/runtime/meter/lease-account.ts";
import type { CpuAccount } from "#server/runtime/meter/cpu-account.ts";
import type { Lease } from "./local-instances.ts";
import type { Reservation } from "./reservation.ts";
import type { ServedVersion } from "./thread-messages.ts";
import type { CallTrace, Tracing } from "./tracing.ts";

const CHECKPOINT_EVERY_MS = 10_000;
const PATH_CHARACTERS_MAX = 1_000;

export type CallOf = { requestId: string; version: ServedVersion; reservation: Reservation };

/** One call of a function, as it is counted: from its START to its END in the journal. */
export class Call {
  readonly requestId: string;
  readonly version: ServedVersion;
  ingressBytes = 0;
  egressBytes = 0;
  readonly trace: CallTrace | undefined;
  readonly #reservation: Reservation;
  readonly #journal: Journal;
  readonly #seq: number;
  readonly #atMs = Date.now();
  readonly #beganAt = performance.now();
  readonly #method: string;
  readonly #path: string;
  readonly #checkpoints: NodeJS.Timeout;
  #lease: Lease | undefined;
  /** The process which it waited for, if it waited for one, and since when. */
  #coldStart: { account: CpuAccount; sinceAt: number } | undefined;
  /** Since when it has had no instance. */
  #sinceAt = this.#beganAt;
  #enteredAt: number | undefined;
  /** Used in instances that it has left. */
  #leftNs = 0;
  isOver = false;

  constructor(of: CallOf, req: IncomingMessage, { journal, tracing }: { journal: Journal; tracing: Tracing }) {
    const { requestId, version, reservation } = of;
    this.requestId = requestId;
    this.version = version;
    this.#reservation = reservation;
    this.#journal = journal;
    this.#seq = journal.nextSeq();
    this.#method = req.method ?? "GET";
    this.#path = (req.url ?? "/").slice(0, PATH_CHARACTERS_MAX);
    this.trace = tracing.begin(req.headers);
    journal.start(this.#seq);
    this.#checkpoints = setInterval(() => this.#checkpoint(), CHECKPOINT_EVERY_MS);
  }

  /** An instance works on it. */
  enter(lease: Lease): void {
    this.#lease = lease;
    this.#enteredAt ??= performance.now();
    if (lease.isColdStart) this.#coldStart = { account: lease.instance.account, sinceAt: this.#sinceAt };
  }

  /** Its instance is gone, and it may be given to another. */
  leave(): void {
    this.#leftNs += this.#lease?.leave() ?? 0;
    this.#lease = undefined;
    this.#sinceAt = performance.now();
  }

  /** Writes the END. To be called before the last byte of the answer is sent; a second time does nothing. */
  end(outcome: RequestOutcome, status: number): void {
    if (this.isOver) return;
    this.isOver = true;
    clearInterval(this.#checkpoints);
    this.leave();
    const soFar = this.#soFar();
    // A limit is held by looking again and again: what was burnt between the last look and the end is the platform's.
    const cpuNs = Math.min(soFar.cpuNs, this.#reservation.cpuNsMax);
    const isCharged = outcome !== "platform_failed" && outcome !== "refused";
    this.#reservation.settle(isCharged ? { requests: 1, cpuNs, egressBytes: this.egressBytes } : nothing);
    const startUs = this.#startUs(outcome);
    this.#journal.append({
      kind: "end",
      seq: this.#seq,
      ...soFar,
      cpuNs,
      startUs,
      status,
      outcome,
      trace: this.#traced(),
    });
    if (soFar.cpuNs > cpuNs) this.#recordUncharged(soFar.cpuNs - cpuNs);
  }

  /** Whether more bytes of the answer may leave: false, perhaps later, when the organization's budget has no more. */
  allowEgress(bytes: number): boolean | Promise<boolean> {
    return this.#reservation.allowEgress(this.egressBytes + bytes);
  }

  #recordUncharged(cpuNs: number): void {
    const { organizationId, functionId, versionId } = this.version;
    this.#journal.append({
      kind: "unbilled",
      seq: this.#journal.nextSeq(),
      organizationId,
      functionId,
      versionId,
      requestId: this.requestId,
      atMs: Date.now(),
      cpuNs,
      outcome: "beyond the limit",
    });
  }

  #checkpoint(): void {
    this.#journal.append({ kind: "checkpoint", seq: this.#seq, ...this.#soFar() });
  }

  #soFar() {
    const { organizationId, functionId, versionId } = this.version;
    return {
      organizationId,
      functionId,
      versionId,
      requestId: this.requestId,
      atMs: this.#atMs,
      method: this.#method,
      path: this.#path,
      wallUs: Math.round((performance.now() - this.#beganAt) * 1000),
      cpuNs: this.#leftNs + (this.#lease?.usedNs() ?? 0),
      ingressBytes: this.ingressBytes,
      egressBytes: this.egressBytes,
      coldStart: this.#coldStart !== undefined,
    };
  }

  /** How long it waited for a process that was starting; undefined when it waited for none, or for one that never took calls. */
  #startUs(outcome: RequestOutcome): number | undefined {
    if (!this.#coldStart) return undefined;
    const { account, sinceAt } = this.#coldStart;
    // A short answer and the word that the process listens may come at one moment, in either order.
    const hasAnswered = outcome === "ok" || outcome === "function_threw";
    const listeningUs = account.listeningForUs ?? (hasAnswered ? 0 : undefined);
    if (listeningUs === undefined) return undefined;
    return Math.max(0, Math.round((performance.now() - sinceAt) * 1000 - listeningUs));
  }

  #traced(): TraceRecord | undefined {
    if (!this.trace?.recorded) return undefined;
    const waitUs = this.#enteredAt === undefined ? undefined : Math.round((this.#enteredAt - this.#beganAt) * 1000);
    return { ...this.trace.recorded, waitUs };
  }
}
