import { setTimeout as wait } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import type { Log } from "#server/std/log.ts";
import { shipReport, type ShipData, type ShipOrder } from "./ship-messages.ts";

/** At most one word to the thread in this time; it gathers for longer than that itself. */
const TELL_EVERY_MS = 20;
const RESTART_MS = 500;
/** A thread that is gone, or stuck in Postgres, says nothing: what it left stays in the journal. */
const STOP_GRACE_MS = 1_000;

/** Keeps a thread that ships the journals, from the main thread's side. One that dies is replaced: all that it knew is in files. */
export class Shipping {
  readonly #currentSegments: number[];
  readonly #data: ShipData;
  readonly #log: Log;
  #thread: Worker;
  #timer: NodeJS.Timeout | undefined;
  #isStopping = false;

  constructor(data: ShipData, log: Log) {
    this.#currentSegments = data.dirs.map(() => 0);
    this.#data = data;
    this.#log = log;
    this.#thread = this.#start();
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
      thread.once("message", (message: unknown) => resolve(shipReport.parse(message).hasAll));
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

  #start(): Worker {
    const thread = new Worker(new URL("./ship-thread.ts", import.meta.url), { workerData: this.#data });
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
