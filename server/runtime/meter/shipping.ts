import { setTimeout as wait } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import type { CallReport } from "#server/runtime/telemetry/call-watch.ts";
import type { Log } from "#server/std/log.ts";
import { isWatchReport } from "#server/std/watch-report.ts";
import { shipReport, type ShipData, type ShipOrder, type ShipProgress } from "./ship-messages.ts";

/** At most one word to the thread in this time; it gathers for longer than that itself. */
const TELL_EVERY_MS = 20;
const RESTART_MS = 500;
/** A thread that is gone, or stuck in Postgres or a collector, says nothing: what it left stays in the journal. */
const STOP_GRACE_MS = 3_000;

/** Keeps a thread that ships the journals, from the main thread's side. One that dies is replaced: all that it knew is in files. */
export class Shipping {
  readonly #currentSegments: number[];
  readonly #data: ShipData;
  readonly #log: Log;
  #thread: Worker;
  #timer: NodeJS.Timeout | undefined;
  #isStopping = false;
  #progress: ShipProgress = { shippedSeq: 0, shippedAtMs: Date.now() };
  #calls: CallReport | undefined;
  #stopped: ((hasAll: boolean) => void) | undefined;

  constructor(data: Omit<ShipData, "seenTo">, log: Log) {
    this.#currentSegments = data.dirs.map(() => 0);
    this.#data = { ...data, seenTo: [] };
    this.#log = log;
    this.#thread = this.#start();
  }

  /** How far the ledger is behind. While a thread is stuck or gone it stands still, and so grows old. */
  get progress(): ShipProgress {
    return this.#progress;
  }

  /** What the calls of this life add up to, as the thread told last; undefined before its first word. */
  get calls(): CallReport | undefined {
    return this.#calls;
  }

  /** A journal, by its place among the folders, has something new. */
  written(journal: number, currentSegment: number): void {
    this.#currentSegments[journal] = currentSegment;
    this.#timer ??= setTimeout(() => this.#written(), TELL_EVERY_MS);
  }

  /** Ships what is there and ends; true when the ledger has all of it. */
  async stop(timeMsMax: number): Promise<boolean> {
    this.#isStopping = true;
    clearTimeout(this.#timer);
    const thread = this.#thread;
    const report = new Promise<boolean>((resolve) => {
      this.#stopped = resolve;
      thread.once("exit", () => resolve(false));
    });
    this.#tell({ kind: "stop", currentSegments: this.#currentSegments, timeMsMax });
    const hasAll = await Promise.race([report, wait(timeMsMax + STOP_GRACE_MS, false, { ref: false })]);
    await thread.terminate();
    return hasAll;
  }

  #written(): void {
    this.#timer = undefined;
    this.#tell({ kind: "written", currentSegments: this.#currentSegments });
  }

  #tell(order: ShipOrder): void {
    this.#thread.postMessage(order);
  }

  #heard(message: unknown): void {
    if (isWatchReport(message)) return;
    const report = shipReport.parse(message);
    switch (report.kind) {
      case "progress":
        this.#progress = report.ship;
        this.#calls = report.calls;
        this.#data.seenTo = report.seenTo;
        return;
      case "stopped":
        this.#stopped?.(report.hasAll);
    }
  }

  #start(): Worker {
    const thread = new Worker(new URL("./ship-thread.ts", import.meta.url), {
      workerData: this.#data,
      name: "shipper",
    });
    thread.on("message", (message: unknown) => this.#heard(message));
    thread.on("error", (error) => this.#log.error({ err: error }, "the shipper's thread failed and is started again"));
    thread.once("exit", () => {
      if (this.#isStopping) return;
      setTimeout(() => {
        if (this.#isStopping) return;
        this.#thread = this.#start();
        this.#written();
      }, RESTART_MS);
    });
    return thread;
  }
}
