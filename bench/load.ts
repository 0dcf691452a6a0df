import { execFile } from "node:child_process";
import { connect } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { z } from "zod";

/** Where a contestant answers, on this machine. */
export type Target = { port: number; host: string; path: string };

export const loadOrder = z.object({
  port: z.number().int(),
  host: z.string(),
  path: z.string(),
  connections: z.number().int().min(1).max(256),
  warmUpMs: z.number().min(0).max(10_000),
  measureMs: z.number().min(100).max(30_000),
});
export type LoadOrder = z.infer<typeof loadOrder>;

const loadReport = z.object({
  answers: z.number(),
  errors: z.number(),
  requestsPerS: z.number(),
  p50Ms: z.number(),
  p99Ms: z.number(),
  /** What the generator itself used for a request. */
  generatorCpuUs: z.number(),
});
export type LoadReport = z.infer<typeof loadReport>;

const FIRST_BYTE_MS_MAX = 15_000;

/** Loads an address from a process of its own; throws when anything but 200 came back. */
export async function load(order: LoadOrder): Promise<LoadReport> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [join(import.meta.dirname, "load-generator.ts"), JSON.stringify(order)],
    {
      timeout: order.warmUpMs + order.measureMs + 20_000,
    },
  );
  const report = loadReport.parse(JSON.parse(stdout));
  if (report.errors > 0 || report.answers === 0)
    throw new Error(`${report.errors} of the requests to port ${order.port} failed`);
  return report;
}

/** One request on a connection of its own: the time from connecting to the first byte of the answer, and the answer's text. */
export async function callOnce(
  to: { port: number } | { socketPath: string },
  host: string,
): Promise<{ firstByteMs: number; text: string }> {
  return new Promise((resolve, reject) => {
    const beganAt = performance.now();
    let firstByteMs = 0;
    let text = "";
    const socket = connect(
      "port" in to ? { port: to.port, host: "127.0.0.1", noDelay: true } : { path: to.socketPath },
    );
    socket.setTimeout(FIRST_BYTE_MS_MAX, () => socket.destroy(new Error("no answer in time")));
    socket.write(`GET / HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`);
    socket.on("data", (chunk: Buffer) => {
      firstByteMs ||= performance.now() - beganAt;
      text += chunk.toString("latin1");
    });
    socket.on("error", reject);
    socket.on("close", () => {
      if (text.startsWith("HTTP/1.1 200 ")) resolve({ firstByteMs, text });
      else reject(new Error(`an answer other than 200: ${text.slice(0, 300) || "none"}`));
    });
  });
}
