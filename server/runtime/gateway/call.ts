import type { IncomingMessage } from "node:http";
import type { RequestOutcome } from "#server/contract/usage.ts";
import type { Journal } from "#server/runtime/meter/journal.ts";
import type { Lease } from "./local-instances.ts";
import type { ServedVersion } from "./thread-messages.ts";

const CHECKPOINT_EVERY_MS = 10_000;
const PATH_CHARACTERS_MAX = 1_000;

/** One call of a function, as it is counted: from its START to its END in the journal. */
export class Call {
  readonly requestId: string;
  readonly version: ServedVersion;
  ingressBytes = 0;
  egressBytes = 0;
  readonly #journal: Journal;
  readonly #seq: number;
  readonly #atMs = Date.now();
  readonly #beganAt = performance.now();
  readonly #method: string;
  readonly #path: string;
  readonly #checkpoints: NodeJS.Timeout;
  #lease: Lease | undefined;
  #isColdStart = false;
  /** Used in instances that it has left. */
  #leftNs = 0;
  isOver = false;

  constructor(requestId: string, version: ServedVersion, req: IncomingMessage, journal: Journal) {
    this.requestId = requestId;
    this.version = version;
    this.#journal = journal;
    this.#seq = journal.nextSeq();
    this.#method = req.method ?? "GET";
    this.#path = (req.url ?? "/").slice(0, PATH_CHARACTERS_MAX);
    journal.start(this.#seq);
    this.#checkpoints = setInterval(() => this.#checkpoint(), CHECKPOINT_EVERY_MS);
  }

  /** An instance works on it. */
  enter(lease: Lease): void {
    this.#lease = lease;
    this.#isColdStart ||= lease.isColdStart;
  }

  /** Its instance is gone, and it may be given to another. */
  leave(): void {
    this.#leftNs += this.#lease?.leave() ?? 0;
    this.#lease = undefined;
  }

  /** Writes the END. To be called before the last byte of the answer is sent; a second time does nothing. */
  end(outcome: RequestOutcome, status: number): void {
    if (this.isOver) return;
    this.isOver = true;
    clearInterval(this.#checkpoints);
    this.leave();
    this.#journal.append({ kind: "end", seq: this.#seq, ...this.#soFar(), status, outcome });
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
      coldStart: this.#isColdStart,
    };
  }
}
