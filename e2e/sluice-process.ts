import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { freePort } from "#server/std/free-port.ts";

const START_MS_MAX = 300_000;

export type Ports = { port: number; gatewayPort: number; internalPort: number; s3Port: number };

/** All of Sluice, as `npm start` starts it. */
export type SluiceProcess = Ports & {
  child: ChildProcess;
  /** What it said so far. */
  said(): string;
  /** Itself and everything below it, the deepest last. */
  pids(): number[];
  stop(signal?: NodeJS.Signals): Promise<number | null>;
};

export async function freePorts(): Promise<Ports> {
  const [port, gatewayPort, internalPort, s3Port] = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
  return { port, gatewayPort, internalPort, s3Port };
}

/** Resolves when it says that it is ready; rejects with what it said when it ends before. */
export async function startSluiceProcess(
  dataDir: string,
  ports: Ports,
  env: Record<string, string> = {},
): Promise<SluiceProcess> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "../server/supervisor/start.mjs")], {
    env: {
      ...process.env,
      NODE_ENV: "production",
      PORT: String(ports.port),
      GATEWAY_PORT: String(ports.gatewayPort),
      INTERNAL_PORT: String(ports.internalPort),
      S3_PORT: String(ports.s3Port),
      DATA_DIR: dataDir,
      LOG_LEVEL: "warn",
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (said += chunk.toString()));
  const timer = setTimeout(() => child.kill("SIGKILL"), START_MS_MAX);
  await new Promise<void>((resolve, reject) => {
    createInterface({ input: child.stdout }).on("line", (line) => line.startsWith("Sluice is ready:") && resolve());
    child.once("exit", (code) => reject(new Error(`ended with ${code}: ${said}`)));
  }).finally(() => clearTimeout(timer));
  return {
    ...ports,
    child,
    said: () => said,
    pids: () => descendants(child.pid ?? 0),
    async stop(signal = "SIGTERM") {
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
      const exited = once(child, "exit");
      child.kill(signal);
      await exited;
      return child.exitCode;
    },
  };
}

function descendants(pid: number): number[] {
  let children: number[];
  try {
    children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean).map(Number);
  } catch {
    return []; // It ended meanwhile.
  }
  return [pid, ...children.flatMap(descendants)];
}
