import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { Fault } from "#server/std/fault.ts";

const STOP_MS_MAX = 25_000;
const RESTART_MS_MIN = 250;
const RESTART_MS_MAX = 10_000;
/** A life longer than this was not a failed start. */
const STEADY_MS = 30_000;

export type ChildSpec = {
  name: string;
  script: string;
  env: NodeJS.ProcessEnv;
  /** Whether it starts again when a file that it has loaded changes: for development. */
  watches: boolean;
  /** The line on its standard output that says that it serves. */
  readyLine: string;
  say(text: string): void;
};

/** A process of ours, started again when it dies, until it is stopped. */
export class Child {
  readonly #spec: ChildSpec;
  #process: ChildProcess | undefined;
  readonly #starting = new Set<ChildProcess>();
  #isStopping = false;
  #restartMs = RESTART_MS_MIN;

  constructor(spec: ChildSpec) {
    this.#spec = spec;
  }

  /** Resolves when it serves; a process that ends before it did is a fault, with what it said on standard error. */
  async start(): Promise<void> {
    this.#process = await this.#launch({});
  }

  /**
   * Puts a new process, of the code as it is now, in the place of the one that runs: the new one serves before the old
   * one is asked to stop. When the new one does not start, the old one goes on and this throws.
   */
  async replace(): Promise<void> {
    const before = this.#process;
    const successor = await this.#launch({ TAKE_OVER: "1" });
    this.#process = successor;
    await stopProcess(before);
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.all([this.#process, ...this.#starting].map(stopProcess));
  }

  async #launch(more: Record<string, string>): Promise<ChildProcess> {
    const { name, script, env, readyLine, watches } = this.#spec;
    // Standard input is its lifeline: the pipe ends when we do.
    const child = spawn(process.execPath, [...(watches ? ["--watch", "--watch-preserve-output"] : []), script], {
      env: { ...env, ...more, SLUICE_LIFELINE: "1" },
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#starting.add(child);
    child.stdin?.on("error", () => undefined);
    const startedAtMs = Date.now();
    try {
      await new Promise<void>((resolve, reject) => {
        createInterface({ input: child.stdout }).on("line", (line) => line === readyLine && resolve());
        child.once("error", reject);
        child.once("exit", () =>
          reject(new Fault("unavailable", `The ${name} did not start. What it said stands above.`)),
        );
      });
    } finally {
      this.#starting.delete(child);
    }
    child.once("exit", (code, signal) => void this.#exited(child, Date.now() - startedAtMs, signal ?? `code ${code}`));
    return child;
  }

  async #exited(child: ChildProcess | undefined, livedMs: number, how: string): Promise<void> {
    if (this.#isStopping || child !== this.#process) return;
    if (livedMs > STEADY_MS) this.#restartMs = RESTART_MS_MIN;
    this.#spec.say(`the ${this.#spec.name} ended (${how}); starting it again in ${this.#restartMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, this.#restartMs));
    this.#restartMs = Math.min(this.#restartMs * 2, RESTART_MS_MAX);
    if (this.#isStopping) return;
    try {
      await this.start();
      this.#spec.say(`the ${this.#spec.name} serves again`);
    } catch {
      await this.#exited(this.#process, 0, "it did not start");
    }
  }
}

async function stopProcess(child: ChildProcess | undefined): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS_MAX);
  await exited;
  clearTimeout(timer);
}
