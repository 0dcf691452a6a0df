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
  #isStopping = false;
  #restartMs = RESTART_MS_MIN;

  constructor(spec: ChildSpec) {
    this.#spec = spec;
  }

  /** Resolves when it serves; a process that ends before it did is a fault, with what it said on standard error. */
  async start(): Promise<void> {
    const { name, script, env, readyLine, watches } = this.#spec;
    // Standard input is its lifeline: the pipe ends when we do.
    const child = spawn(process.execPath, [...(watches ? ["--watch", "--watch-preserve-output"] : []), script], {
      env: { ...env, SLUICE_LIFELINE: "1" },
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#process = child;
    child.stdin?.on("error", () => undefined);
    const startedAtMs = Date.now();
    await new Promise<void>((resolve, reject) => {
      createInterface({ input: child.stdout }).on("line", (line) => line === readyLine && resolve());
      child.once("error", reject);
      child.once("exit", () =>
        reject(new Fault("unavailable", `The ${name} did not start. What it said stands above.`)),
      );
    });
    child.once("exit", (code, signal) => void this.#exited(Date.now() - startedAtMs, signal ?? `code ${code}`));
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS_MAX);
    await exited;
    clearTimeout(timer);
  }

  async #exited(livedMs: number, how: string): Promise<void> {
    if (this.#isStopping) return;
    if (livedMs > STEADY_MS) this.#restartMs = RESTART_MS_MIN;
    this.#spec.say(`the ${this.#spec.name} ended (${how}); starting it again in ${this.#restartMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, this.#restartMs));
    this.#restartMs = Math.min(this.#restartMs * 2, RESTART_MS_MAX);
    if (this.#isStopping) return;
    try {
      await this.start();
      this.#spec.say(`the ${this.#spec.name} serves again`);
    } catch {
      await this.#exited(0, "it did not start");
    }
  }
}
