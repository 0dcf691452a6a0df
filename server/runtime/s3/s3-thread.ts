import { Worker } from "node:worker_threads";
import { Fault } from "#server/std/fault.ts";
import type { Log } from "#server/std/log.ts";
import { isWatchReport } from "#server/std/watch-report.ts";
import { doorWord, type DoorData, type DoorOrder } from "./thread-data.ts";

const RESTART_MS = 1_000;

/**
 * The S3 door from the runtime's side. A thread that ends by itself is started again: unlike the gateway's it holds no account, and
 * what it was writing is nowhere to be seen.
 */
export class S3Thread {
  readonly #data: DoorData;
  readonly #log: Log;
  #thread: Worker | undefined;
  #isStopping = false;
  #restart: NodeJS.Timeout | undefined;

  private constructor(data: DoorData, log: Log) {
    this.#data = data;
    this.#log = log;
  }

  /** Resolves when it listens; a port in use is a fault. */
  static async start(data: DoorData, log: Log): Promise<S3Thread> {
    const thread = new S3Thread(data, log);
    await thread.#launch();
    return thread;
  }

  async #launch(): Promise<void> {
    const thread = new Worker(new URL("./thread.ts", import.meta.url), { workerData: this.#data, name: "s3" });
    this.#thread = thread;
    await new Promise<void>((resolve, reject) => {
      thread.on("message", (message: unknown) => {
        if (isWatchReport(message)) return;
        const word = doorWord.parse(message);
        if (word.kind === "listening") resolve();
        else reject(cannotListen(word, this.#data.port));
      });
      thread.once("error", reject);
      thread.once("exit", () => reject(new Error("the S3 door's thread ended before it listened")));
    });
    thread.on("error", (error) => this.#log.error({ err: error }, "the S3 door's thread failed"));
    thread.once("exit", () => this.#ended());
  }

  #ended(): void {
    if (this.#isStopping) return;
    this.#log.error("the S3 door's thread ended; starting it again");
    this.#restart = setTimeout(() => {
      this.#launch().catch((error: unknown) => {
        this.#log.error({ err: error }, "the S3 door's thread did not start");
        this.#ended();
      });
    }, RESTART_MS);
  }

  /** No new connections; what is in flight has so long. */
  async stop(timeMsMax: number): Promise<void> {
    this.#isStopping = true;
    clearTimeout(this.#restart);
    const thread = this.#thread;
    if (!thread || thread.threadId === -1) return;
    const exited = new Promise((resolve) => thread.once("exit", resolve));
    thread.postMessage({ kind: "drain", timeMsMax } satisfies DoorOrder);
    await exited;
  }
}

function cannotListen({ code, message }: { code: string | null; message: string }, port: number): Error {
  if (code !== "EADDRINUSE") return new Error(`the S3 door can't listen on port ${port}: ${message}`);
  return new Fault("conflict", `Port ${port} is in use. Stop what uses it, or set S3_PORT to another port.`);
}
