import { openSync } from "node:fs";
import { pino, type Logger } from "pino";
import type { EndRecord } from "#server/runtime/meter/journal-record.ts";
import type { Log } from "#server/std/log.ts";

/** Lines that wait for a slow reader, in bytes; past it they are dropped and counted. */
const WAITING_BYTES_MAX = 8 * 1024 * 1024;

/** Where lines go: a descriptor (1, 2) or a file's path. */
export type RequestLogTarget = number | string;

/** A descriptor for lines. A file is added to, and made where there is none; throws where that can't be. */
export function openRequestLog(target: RequestLogTarget): number {
  return typeof target === "number" ? target : openSync(target, "a", 0o640);
}

/**
 * One line of JSON a request, with all there is to say of it. Written without waiting: a reader that is slow, or a disk that
 * is full, costs lines and never a request.
 */
export class RequestLog {
  readonly #destination: ReturnType<typeof pino.destination>;
  readonly #lines: Logger;
  readonly #epoch: string;
  #droppedLines = 0;
  #isFailing = false;

  constructor(of: { fd: number; epoch: bigint; region: string; log: Log }) {
    this.#epoch = String(of.epoch);
    this.#destination = pino.destination({
      dest: of.fd,
      sync: false,
      maxLength: WAITING_BYTES_MAX,
    });
    this.#destination.on("drop", () => (this.#droppedLines += 1));
    this.#destination.on("error", (error: unknown) => {
      if (!this.#isFailing)
        of.log.error({ err: error }, "the request log cannot be written: its lines are kept for a while, then dropped");
      this.#isFailing = true;
    });
    this.#destination.on("drain", () => (this.#isFailing = false));
    this.#lines = pino({ base: { process: "runtime", region: of.region }, timestamp: false }, this.#destination);
  }

  get droppedLines(): number {
    return this.#droppedLines;
  }

  write(record: EndRecord): void {
    const line = requestLine(this.#epoch, record);
    // What the platform did wrong is for its operator to see; how a tenant's code ended is not.
    if (record.outcome === "platform_failed") this.#lines.error(line, "request");
    else this.#lines.info(line, "request");
  }

  /** Waits until what was written is with its reader, or the time is over. */
  async close(timeMsMax: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeMsMax);
      this.#destination.once("close", () => {
        clearTimeout(timer);
        resolve();
      });
      this.#destination.end();
    });
    this.#destination.destroy();
  }
}

/** The fields of a line. The path comes without its query: callers put secrets there. */
function requestLine(epoch: string, record: EndRecord) {
  return {
    time: new Date(record.atMs).toISOString(), // when the request came
    requestId: record.requestId,
    traceId: record.trace?.traceId,
    spanId: record.trace?.spanId,
    organizationId: record.organizationId,
    functionId: record.functionId,
    versionId: record.versionId,
    method: record.method,
    path: withoutQuery(record.path),
    status: record.status,
    outcome: record.outcome,
    wallUs: record.wallUs,
    cpuNs: record.cpuNs,
    coldStart: record.coldStart,
    startUs: record.startUs ?? null,
    ingressBytes: record.ingressBytes,
    egressBytes: record.egressBytes,
    epoch,
    seq: record.seq,
  };
}

export function withoutQuery(path: string): string {
  const at = path.indexOf("?");
  return at < 0 ? path : path.slice(0, at);
}
