import { type ChildProcess, spawn, type StdioOptions } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";

const START_MS_MAX = 30_000;
const STOP_MS_MAX = 20_000;

export type Child = AsyncDisposable & { pid: number };

export type ChildOptions = {
  command: readonly [string, ...string[]];
  env?: Record<string, string>;
  stdio?: StdioOptions;
  /** The descriptor on which a first line says that it is ready. */
  readyFd: number;
};

const alive = new Set<ChildProcess>();
// Whatever ends the bench, nothing is left running; the gentle way is the disposal.
process.on("exit", () => {
  for (const child of alive) child.kill("SIGKILL");
});

/** Starts a process and resolves with it and its first line. Disposing it ends it. */
export async function startChild(options: ChildOptions): Promise<Child & { firstLine: string }> {
  const [program, ...args] = options.command;
  const child = spawn(program, args, {
    stdio: options.stdio ?? ["pipe", "pipe", "inherit"],
    env: { ...process.env, ...options.env },
  });
  alive.add(child);
  child.once("exit", () => alive.delete(child));
  const output = child.stdio[options.readyFd];
  if (!(output instanceof Readable)) throw new Error(`descriptor ${options.readyFd} of ${program} is not readable`);
  const firstLine = await new Promise<string>((resolve, reject) => {
    createInterface({ input: output }).once("line", resolve);
    child.once("error", reject);
    child.once("exit", (code, signal) =>
      reject(new Error(`${program} ended with ${code ?? signal} before it was ready`)),
    );
    setTimeout(() => reject(new Error(`${program} was not ready in time`)), START_MS_MAX).unref();
  });
  return { pid: child.pid ?? 0, firstLine, [Symbol.asyncDispose]: () => stop(child) };
}

async function stop(child: ChildProcess): Promise<void> {
  if (!alive.has(child)) return;
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS_MAX);
  await exited;
  clearTimeout(timer);
}
