import { once } from "node:events";
import { chmod, mkdir } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { readCpuNs } from "#server/runtime/meter/cpu-clock.ts";
import { startChild, type Child } from "./child.ts";
import type { BenchDatabase } from "./database.ts";

const INTERNAL_SECRET = "of the bench alone, on loopback, for minutes";

/** A runtime process as `npm start` runs it, with the settings that it has by default. */
export type Platform = Child & {
  gatewayPort: number;
  internal: { RUNTIME_URL: string; INTERNAL_SECRET: string };
  /** CPU that the runtime's own process has used: the gateway, the meter and the shipper, not the instances. */
  cpuUs(): number;
};

export type PlatformOptions = { dir: string; env?: Record<string, string>; nodeOptions?: readonly string[] };

export async function startPlatform(
  database: BenchDatabase,
  { dir, env = {}, nodeOptions = [] }: PlatformOptions,
): Promise<Platform> {
  const [gatewayPort, internalPort] = [await freePort(), await freePort()];
  await mkdir(dir, { recursive: true });
  await chmod(dir, 0o711); // the sandbox's account reaches its sockets through it
  const child = await startChild({
    command: [process.execPath, ...nodeOptions, join(import.meta.dirname, "../server/runtime/main.ts")],
    env: {
      NODE_ENV: "production",
      DATABASE_URL: database.url,
      DATA_DIR: dir,
      RUN_DIR: join(dir, "run"),
      GATEWAY_PORT: String(gatewayPort),
      INTERNAL_PORT: String(internalPort),
      INTERNAL_SECRET,
      SLUICE_LIFELINE: "1",
      LOG_LEVEL: "warn",
      ...env,
    },
    readyFd: 1,
  });
  return {
    ...child,
    gatewayPort,
    internal: { RUNTIME_URL: `http://127.0.0.1:${internalPort}`, INTERNAL_SECRET },
    cpuUs: () => (readCpuNs(child.pid) ?? 0) / 1000,
  };
}

/** A port that nobody listens on now. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  if (address === null || typeof address === "string") throw new Error("a TCP server has a port");
  return address.port;
}
