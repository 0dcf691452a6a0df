import type { IncomingMessage } from "node:http";
import type { VersionSpec } from "#server/contract/prepare.ts";
import type { RequestOutcome } from "#server/contract/usage.ts";
import type { Instance, Lease } from "#server/runtime/instances/instance.ts";
import type { Journal } from "#server/runtime/meter/journal.ts";

const CHECKPOINT_EVERY_MS = 10_000;
const PATH_CHARACTERS_MAX = 1_000;

/** One call of a function, as it is counted: from its START to its END in the journal. */
export class Call {
  readonly requestId: string;
  readonly spec: VersionSpec;
  ingressBytes = 0;
  egressBytes = 0;
  coldStart = false;
  readonly #journal: Journal;
  readonly #seq: number;
  readonly #atMs = Date.now();
  readonly #beganAt = performance.now();
  readonly #method: string;
  readonly #path: string;
  readonly #checkpoints: NodeJS.Timeout;
  #lease: Lease | undefined;
  #instance: Instance | undefined;
  isOver = false;

  constructor(requestId: string, spec: VersionSpec, req: IncomingMessage, journal: Journal) {
    this.requestId = requestId;
    this.spec = spec;
    this.#journal = journal;
    this.#seq = journal.nextSeq();
    this.#method = req.method ?? "GET";
    this.#path = (req.url ?? "/").slice(0, PATH_CHARACTERS_MAX);
    journal.start(this.#seq);
    this.#checkpoints = setInterval(() => this.#checkpoint(), CHECKPOINT_EVERY_MS);
  }

  /** The call is given to an instance. Must happen in the tick in which the instance was acquired. */
  enter(instance: Instance): void {
    this.#instance = instance;
    this.#lease = instance.enter(this.requestId);
  }

  /** Writes the END. To be called before the last byte of the answer is sent; a second time does nothing. */
  end(outcome: RequestOutcome, status: number): void {
    if (this.isOver) return;
    this.isOver = true;
    clearInterval(this.#checkpoints);
    this.#lease?.leave();
    this.#journal.append({ kind: "end", seq: this.#seq, ...this.#soFar(), status, outcome });
  }

  #checkpoint(): void {
    this.#instance?.cpu.settle();
    this.#journal.append({ kind: "checkpoint", seq: this.#seq, ...this.#soFar() });
  }

  #soFar() {
    const { organizationId, functionId, versionId } = this.spec;
    return {
      organizationId,
      functionId,
      versionId,
      requestId: this.requestId,
      atMs: this.#atMs,
      method: this.#method,
      path: this.#path,
      wallUs: Math.round((performance.now() - this.#beganAt) * 1000),
      cpuNs: this.#lease?.share.cpuNs ?? 0,
      ingressBytes: this.ingressBytes,
      egressBytes: this.egressBytes,
      coldStart: this.coldStart,
    };
  }
}
