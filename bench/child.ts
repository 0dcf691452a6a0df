import { type ChildProcess, spawn, type StdioOptions } from "node:child_process";
import { once } from "node:events";
import { basename } from "node:path";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { errnoOf } from "#server/std/fault.ts";
import { processTree } from "./process-tree.ts";

const START_MS_MAX = 30_000;
const STOP_MS_MAX = 20_000;
const POLL_MS = 50;
const OUTPUT_CHARACTERS_MAX = 200_000;
const SAID_CHARACTERS_MAX = 2_000;

export type Child = AsyncDisposable & { pid: number };

export type ChildOptions = {
  command: readonly [string, ...string[]];
  /** Beside what the bench has itself. */
  env?: Record<string, string>;
  cwd?: string;
  stdio?: StdioOptions;
  /** Called with each line on standard error, which then goes nowhere else. Needs stdio to pipe it. */
  onErrorLine?: (line: string) => void;
};

/** Each leads a process group of its own, so that what it started in turn is ended with it. */
const alive = new Set<ChildProcess>();
// Whatever ends the bench, nothing is left running, Postgres and sandboxes included; the gentle way is the disposal.
process.on("exit", () => {
  for (const child of alive) killGroup(child);
  for (const { pid } of processTree(process.pid)) if (pid !== process.pid) signalTo(pid, "SIGKILL");
});

/** Starts a process and resolves with it and its first line on the descriptor `readyFd`. Disposing it ends it. */
export async function startChild(options: ChildOptions & { readyFd: number }): Promise<Child & { firstLine: string }> {
  const child = launch(options);
  const output = child.stdio[options.readyFd];
  if (!(output instanceof Readable)) throw new Error(`descriptor ${options.readyFd} of a child is not readable`);
  const line = new Promise<string>((resolve) => createInterface({ input: output }).once("line", resolve));
  const firstLine = await whenReady(child, options.command, line);
  return { ...disposable(child), firstLine };
}

/** Starts a process and waits until `isReady` says so. What it says on standard error is shown only when it fails. */
export async function startServer(options: ChildOptions, isReady: () => Promise<boolean>): Promise<Child> {
  const child = launch({ ...options, stdio: ["ignore", "ignore", "pipe"] });
  const said = collected(child.stderr);
  const deadline = performance.now() + START_MS_MAX;
  while (!(await isReady())) {
    const isLate = performance.now() > deadline;
    if (isLate) killGroup(child);
    if (isLate || !alive.has(child))
      throw new Error(`${short(options.command)} did not start: ${said().slice(-SAID_CHARACTERS_MAX)}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  return disposable(child);
}

/** A process that is run for what it prints. */
export type Run = {
  /** Standard output, once it has ended with 0. Rejects otherwise, with what it said on standard error. */
  output: Promise<string>;
  /** Closes its standard input, by which our own processes know that it is time to end. */
  finish: () => void;
};

/** Runs a process to its end, which is forced when `timeMsMax` is over. */
export function run(options: ChildOptions & { timeMsMax: number }): Run {
  const child = launch({ ...options, stdio: ["pipe", "pipe", "pipe"] });
  const [output, said] = [collected(child.stdout), collected(child.stderr)];
  const timer = setTimeout(() => killGroup(child), options.timeMsMax);
  const ended = new Promise<string>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      if (code === 0) resolve(output());
      else
        reject(
          new Error(`${short(options.command)} ended with ${code ?? signal}: ${said().slice(-SAID_CHARACTERS_MAX)}`),
        );
    });
  });
  return { output: ended, finish: () => void child.stdin?.end() };
}

function launch({ command: [program, ...args], env = {}, cwd, stdio, onErrorLine }: ChildOptions): ChildProcess {
  const child = spawn(program, args, {
    stdio: stdio ?? ["pipe", "pipe", "inherit"],
    env: { ...process.env, ...env },
    ...(cwd === undefined ? {} : { cwd }),
    detached: true,
  });
  alive.add(child);
  child.once("exit", () => {
    killGroup(child); // what outlived its leader
    alive.delete(child);
  });
  child.once("error", () => alive.delete(child));
  child.stdin?.on("error", () => undefined); // it ended before we did
  if (onErrorLine && child.stderr) createInterface({ input: child.stderr }).on("line", onErrorLine);
  return child;
}

async function whenReady(
  child: ChildProcess,
  command: ChildOptions["command"],
  line: Promise<string>,
): Promise<string> {
  const { promise: failed, reject } = Promise.withResolvers<never>();
  child.once("error", reject);
  child.once("exit", (code, signal) =>
    reject(new Error(`${short(command)} ended with ${code ?? signal} before it was ready`)),
  );
  const timer = setTimeout(() => {
    reject(new Error(`${short(command)} was not ready in ${START_MS_MAX / 1000} s`));
    killGroup(child);
  }, START_MS_MAX);
  try {
    return await Promise.race([line, failed]);
  } finally {
    clearTimeout(timer);
    failed.catch(() => undefined); // its end, later on, is no news
  }
}

/** "node run.ts", "npm install". */
function short(command: ChildOptions["command"]): string {
  return command
    .filter((word) => !word.startsWith("-"))
    .slice(0, 2)
    .map((word) => basename(word))
    .join(" ");
}

function disposable(child: ChildProcess): Child {
  return { pid: child.pid ?? 0, [Symbol.asyncDispose]: () => stop(child) };
}

async function stop(child: ChildProcess): Promise<void> {
  if (!alive.has(child)) return;
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  const timer = setTimeout(() => killGroup(child), STOP_MS_MAX);
  await exited;
  clearTimeout(timer);
}

function killGroup({ pid }: ChildProcess): void {
  if (pid !== undefined) signalTo(-pid, "SIGKILL");
}

/** To a process, or to a group by its number below zero; one that is gone is no error. */
function signalTo(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (errnoOf(error) !== "ESRCH") throw error;
  }
}

function collected(stream: Readable | null): () => string {
  let text = "";
  stream?.on("data", (chunk: Buffer) => {
    text = (text + chunk.toString()).slice(-OUTPUT_CHARACTERS_MAX);
  });
  return () => text;
}
