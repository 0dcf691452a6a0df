import type { Log } from "#server/std/log.ts";
import type { Sandbox, SandboxHost } from "./sandbox.ts";

const RETRY_MS = 1_000;
/** Starts that run at the same time ahead of need; more would take the cores from calls. */
const FILLING_MAX = 2;
/** By then the taken one has answered, as a rule. */
const REFILL_AFTER_MS = 25;
/** Takes of the last seconds say how many will be wanted. */
const WINDOW_MS = 1_000;
const WINDOWS = 30;

export type WarmPoolOptions = {
  /** Kept when nobody asks. */
  sizeMin: number;
  /** Kept however many are asked for: each waiting one holds about 9 MB. */
  sizeMax: number;
  log: Log;
};

/**
 * Sandboxes started ahead of need, so that a cold start is the handing over of a configuration. As many wait as the
 * busiest second of the last half minute took, within bounds.
 */
export class WarmPool {
  readonly #host: SandboxHost;
  readonly #options: WarmPoolOptions;
  readonly #ready: Sandbox[] = [];
  /** Takes by second, the running one last. */
  readonly #takes: number[] = [0];
  readonly #timer: NodeJS.Timeout;
  #starting = 0;
  #failures = 0;
  #closed = false;

  constructor(host: SandboxHost, options: WarmPoolOptions) {
    this.#host = host;
    this.#options = options;
    this.#timer = setInterval(() => this.#turnWindow(), WINDOW_MS);
    this.#timer.unref();
    this.#fill();
  }

  /** How many wait. */
  get size(): number {
    return this.#ready.length;
  }

  /** Starts ahead of need that failed since one last succeeded. */
  get failures(): number {
    return this.#failures;
  }

  /** How many should wait. */
  get target(): number {
    const { sizeMin, sizeMax } = this.#options;
    return Math.min(sizeMax, Math.max(sizeMin, ...this.#takes));
  }

  /** One that waits, else a new one. */
  async take(): Promise<Sandbox> {
    this.#takes[this.#takes.length - 1]! += 1;
    const sandbox = this.#ready.shift();
    // A start costs as much CPU as the one that is waited for: it comes after that, unless it is waited for itself.
    setTimeout(() => this.#fill(), REFILL_AFTER_MS).unref();
    return sandbox ?? this.#host.start();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    await Promise.all(this.#ready.splice(0).map((sandbox) => sandbox.kill()));
  }

  /** What no longer need be kept ends, one a second. */
  #turnWindow(): void {
    this.#takes.push(0);
    if (this.#takes.length > WINDOWS) this.#takes.shift();
    if (this.#ready.length > this.target) void this.#ready.pop()?.kill();
    this.#fill();
  }

  #fill(): void {
    while (!this.#closed && this.#starting < FILLING_MAX && this.#ready.length + this.#starting < this.target) {
      this.#starting += 1;
      void this.#add();
    }
  }

  async #add(): Promise<void> {
    try {
      const sandbox = await this.#host.start();
      this.#failures = 0;
      if (this.#closed) {
        await sandbox.kill();
        return;
      }
      this.#ready.push(sandbox);
      void sandbox.exited.then(() => this.#forget(sandbox));
      setImmediate(() => this.#fill());
    } catch (error) {
      this.#failures += 1;
      this.#options.log.error({ err: error }, "a sandbox could not be started ahead of need");
      setTimeout(() => this.#fill(), RETRY_MS).unref();
    } finally {
      this.#starting -= 1;
    }
  }

  /** One that died while it waited is replaced. */
  #forget(sandbox: Sandbox): void {
    const at = this.#ready.indexOf(sandbox);
    if (at < 0) return;
    this.#ready.splice(at, 1);
    setTimeout(() => this.#fill(), RETRY_MS).unref();
  }
}
