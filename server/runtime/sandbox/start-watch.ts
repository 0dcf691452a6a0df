import { messageOf } from "#server/std/fault.ts";
import type { Log } from "#server/std/log.ts";
import type { Sandbox, SandboxHost } from "./sandbox.ts";

/** One failed start may be chance (no memory for a moment); this many in a row are the machine's state. */
const FAILURES_TO_TELL = 3;
/** While starts fail and nobody asks for one, one is tried this often: else a runtime that gets no calls would never learn that all is well. */
const TRY_EVERY_MS = 2_000;

/** Starts sandboxes through another host, and knows whether that works. */
export class StartWatch implements SandboxHost {
  readonly #host: SandboxHost;
  readonly #log: Log;
  #failures = 0;
  #failuresInARow = 0;
  #lastFailure = "";
  #trying: NodeJS.Timeout | undefined;

  constructor(host: SandboxHost, log: Log) {
    this.#host = host;
    this.#log = log;
  }

  /** Since this process began. */
  get failures(): number {
    return this.#failures;
  }

  /** Why no sandbox can be started; undefined when one can. */
  get whyNot(): string | undefined {
    return this.#failuresInARow >= FAILURES_TO_TELL ? this.#lastFailure : undefined;
  }

  async start(): Promise<Sandbox> {
    try {
      const sandbox = await this.#host.start();
      if (this.whyNot !== undefined) this.#log.info("sandboxes can be started again");
      this.#failuresInARow = 0;
      return sandbox;
    } catch (error) {
      this.#failures += 1;
      this.#failuresInARow += 1;
      this.#lastFailure = messageOf(error);
      if (this.#failuresInARow === FAILURES_TO_TELL)
        this.#log.error({ err: error }, "sandboxes cannot be started: this runtime is not ready until one can");
      this.#tryLater();
      throw error;
    }
  }

  async close(): Promise<void> {
    clearTimeout(this.#trying);
    await this.#host.close();
  }

  #tryLater(): void {
    clearTimeout(this.#trying);
    this.#trying = setTimeout(() => {
      // Its failure is counted in start(), and tried again from there.
      this.start().then(
        (sandbox) => sandbox.kill(),
        () => undefined,
      );
    }, TRY_EVERY_MS).unref();
  }
}
