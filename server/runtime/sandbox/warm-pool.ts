import type { Log } from "#server/std/log.ts";
import type { Sandbox, SandboxHost } from "./sandbox.ts";

const RETRY_MS = 1_000;

/** Sandboxes started ahead of need, so that a cold start is the handing over of a configuration. */
export class WarmPool {
  readonly #host: SandboxHost;
  readonly #size: number;
  readonly #log: Log;
  readonly #ready: Sandbox[] = [];
  #starting = 0;
  #closed = false;

  constructor(host: SandboxHost, size: number, log: Log) {
    this.#host = host;
    this.#size = size;
    this.#log = log;
    this.#fill();
  }

  /** One that waits, else a new one. */
  async take(): Promise<Sandbox> {
    const sandbox = this.#ready.shift();
    // After this tick: the caller's configuration goes first, the replacement after it.
    setImmediate(() => this.#fill());
    return sandbox ?? this.#host.start();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#ready.splice(0).map((sandbox) => sandbox.kill()));
  }

  #fill(): void {
    while (!this.#closed && this.#ready.length + this.#starting < this.#size) {
      this.#starting += 1;
      void this.#add();
    }
  }

  async #add(): Promise<void> {
    try {
      const sandbox = await this.#host.start();
      if (this.#closed) {
        await sandbox.kill();
        return;
      }
      this.#ready.push(sandbox);
      void sandbox.exited.then(() => this.#forget(sandbox));
    } catch (error) {
      this.#log.error({ err: error }, "a sandbox could not be started ahead of need");
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
