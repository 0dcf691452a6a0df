import { spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { errnoOf } from "#server/std/fault.ts";

export type NpmResult =
  | { kind: "done" }
  /** What npm wrote: JSON on stdout when it came so far, text on stderr. */
  | { kind: "failed"; stdout: string; stderr: string }
  | { kind: "timed_out" }
  | { kind: "no_npm" };

export type NpmRun = (request: {
  dir: string;
  environment: Record<string, string>;
  timeoutMs: number;
}) => Promise<NpmResult>;

const OUTPUT_CHARACTERS_MAX = 100_000;

const ARGUMENTS = [
  "install",
  "--json",
  "--ignore-scripts",
  "--no-audit",
  "--no-fund",
  "--no-package-lock",
  "--omit=dev",
  "--no-update-notifier",
  "--loglevel=error",
  // A package of the registry may itself name git, a URL or a folder of this machine; newer npms can refuse that.
  "--allow-git=none",
  "--allow-remote=none",
  "--allow-file=none",
  "--allow-directory=none",
];

/** Runs `npm install` in a folder, without a shell, and ends it with all its children when its time is up. */
export const runNpm: NpmRun = ({ dir, environment, timeoutMs }) => {
  const { promise, resolve, reject } = Promise.withResolvers<NpmResult>();
  // Detached: a process group of its own, so that the time limit reaches what npm started.
  const child = spawn("npm", ARGUMENTS, {
    cwd: dir,
    // Older npms know no --allow-git; they find no git instead.
    env: { NODE_ENV: "production", ...environment, npm_config_git: "false" },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  let timedOut = false;
  const stdout = collected(child.stdout);
  const stderr = collected(child.stderr);
  const timer = setTimeout(() => {
    timedOut = true;
    if (child.pid) process.kill(-child.pid, "SIGKILL");
  }, timeoutMs);
  child.on("error", (thrown) => {
    clearTimeout(timer);
    if (errnoOf(thrown) === "ENOENT") resolve({ kind: "no_npm" });
    else reject(thrown);
  });
  child.on("close", (code) => {
    clearTimeout(timer);
    if (timedOut) resolve({ kind: "timed_out" });
    else resolve(code === 0 ? { kind: "done" } : { kind: "failed", stdout: stdout(), stderr: stderr() });
  });
  return promise;
};

function collected(stream: Readable): () => string {
  let text = "";
  stream.on("data", (chunk: Buffer) => {
    if (text.length < OUTPUT_CHARACTERS_MAX) text += chunk.toString();
  });
  return () => text;
}
