import { connect } from "node:net";
import { join } from "node:path";
import { z } from "zod";
import { run } from "./child.ts";

/** Where a contestant answers, on this machine. */
export type Target = { port: number; host: string; path: string };

export const loadOrder = z.object({
  port: z.number().int(),
  host: z.string(),
  path: z.string(),
  connections: z.number().int().min(1).max(256),
  warmUpMs: z.number().min(0).max(10_000),
  /** The most: closing standard input ends the load earlier. */
  measureMs: z.number().min(100).max(60_000),
  /** Of each connection, between an answer and its next request. */
  pauseMs: z.number().min(0).max(1_000).default(0),
});
export type LoadOrder = z.input<typeof loadOrder>;

const loadReport = z.object({
  /** With status 200, in the time that was measured. */
  answers: z.number(),
  /** With status 200, from first to last. */
  answersInAll: z.number(),
  /** Other answers by their status; connections that ended under a request ("broken") or between two ("closed"). */
  failures: z.record(z.string(), z.number()),
  requestsPerS: z.number(),
  p50Ms: z.number().nullable(),
  p99Ms: z.number().nullable(),
  /** What the generator itself used for a request. */
  generatorCpuUs: z.number().nullable(),
});
export type Outcome = z.infer<typeof loadReport>;
export type LoadReport = Pick<Outcome, "answers" | "answersInAll" | "requestsPerS"> & {
  p50Ms: number;
  p99Ms: number;
  generatorCpuUs: number;
};

export type RunningLoad = { stop(): Promise<Outcome> };

const GRACE_MS = 20_000;
const ANSWER_MS_MAX = 15_000;

/** Loads an address from a process of its own; throws when anything but 200 came back. */
export async function load(order: LoadOrder): Promise<LoadReport> {
  const outcome = loadReport.parse(JSON.parse(await generator(order).output));
  const { p50Ms, p99Ms, generatorCpuUs, ...counts } = outcome;
  if (failuresOf(outcome) > 0 || p50Ms === null || p99Ms === null || generatorCpuUs === null)
    throw new Error(`not every request to ${order.host} was answered with 200: ${describeFailures(outcome)}`);
  return { ...counts, p50Ms, p99Ms, generatorCpuUs };
}

/** A load that goes on beside what is measured, and may fail: the caller looks at what came of it. */
export function startLoad(order: LoadOrder): RunningLoad {
  const { output, finish } = generator(order);
  output.catch(() => undefined); // told by `stop`
  return {
    async stop() {
      finish();
      return loadReport.parse(JSON.parse(await output));
    },
  };
}

export function failuresOf({ failures }: Pick<Outcome, "failures">): number {
  return Object.values(failures).reduce((sum, count) => sum + count, 0);
}

/** "none", or "12 x 503, 1 x broken". */
export function describeFailures({ failures }: Pick<Outcome, "failures">): string {
  const entries = Object.entries(failures);
  return entries.length === 0 ? "none" : entries.map(([kind, count]) => `${count} x ${kind}`).join(", ");
}

function generator(order: LoadOrder) {
  return run({
    command: [process.execPath, join(import.meta.dirname, "load-generator.ts"), JSON.stringify(order)],
    timeMsMax: order.warmUpMs + order.measureMs + GRACE_MS,
  });
}

export type Answer = { status: number; body: string; firstByteMs: number };

/** One request on a connection of its own: its answer, and the time from connecting to its first byte. */
export async function ask(to: { port: number } | { socketPath: string }, host: string, path = "/"): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const beganAt = performance.now();
    let firstByteMs = 0;
    let text = "";
    const socket = connect(
      "port" in to ? { port: to.port, host: "127.0.0.1", noDelay: true } : { path: to.socketPath },
    );
    socket.setTimeout(ANSWER_MS_MAX, () => socket.destroy(new Error(`${host} did not answer in time`)));
    socket.write(`GET ${path} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`);
    socket.on("data", (chunk: Buffer) => {
      firstByteMs ||= performance.now() - beganAt;
      text += chunk.toString("latin1");
    });
    socket.on("error", reject);
    socket.on("close", () => {
      const [, status] = /^HTTP\/1\.1 (\d{3}) /.exec(text) ?? [];
      if (status === undefined) reject(new Error(`${host} closed the connection without an answer`));
      else resolve({ status: Number(status), body: text.slice(text.indexOf("\r\n\r\n") + 4), firstByteMs });
    });
  });
}

/** As `ask`, and throws when the answer isn't 200. */
export async function callOnce(
  to: { port: number } | { socketPath: string },
  host: string,
  path = "/",
): Promise<Answer> {
  const answer = await ask(to, host, path);
  if (answer.status !== 200) throw new Error(`${host} answered ${answer.status}: ${answer.body.slice(0, 300)}`);
  return answer;
}
