import { chmod, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { freePort } from "#server/std/free-port.ts";
import { startChild, type Child } from "./child.ts";
import type { BenchDatabase } from "./database.ts";
import { cpuUsOf, ownProcessesOf } from "./process-tree.ts";

const INTERNAL_SECRET = "of the bench alone, on loopback, for minutes";

/** A runtime process as `npm start` runs it, with the settings that it has by default. */
export type Platform = Child & {
  gatewayPort: number;
  internal: { RUNTIME_URL: string; INTERNAL_SECRET: string };
  /** CPU that the runtime's own processes have used, all threads counted: gateway, meter, journal, shipper; not the instances. */
  cpuUs(): number;
  /** Where debuggers may attach, when started with `isInspected`: one address for each of its processes. */
  inspectors: readonly string[];
};

export type PlatformOptions = { dir: string; env?: Record<string, string>; isInspected?: boolean };

export async function startPlatform(
  database: Pick<BenchDatabase, "url">,
  { dir, env = {}, isInspected = false }: PlatformOptions,
): Promise<Platform> {
  const [gatewayPort, internalPort] = [await freePort(), await freePort()];
  await mkdir(dir, { recursive: true });
  await chmod(dir, 0o711); // the sandbox's account reaches its sockets through it
  const inspectors: string[] = [];
  const child = await startChild({
    command: [
      process.execPath,
      ...(isInspected ? ["--inspect=127.0.0.1:0"] : []),
      join(import.meta.dirname, "../server/runtime/main.ts"),
    ],
    env: {
      NODE_ENV: "production",
      DATABASE_URL: database.url,
      DATA_DIR: dir,
      RUN_DIR: join(dir, "run"),
      GATEWAY_PORT: String(gatewayPort),
      INTERNAL_PORT: String(internalPort),
      INTERNAL_SECRET,
      S3_PORT: "0",
      SLUICE_LIFELINE: "1",
      LOG_LEVEL: "warn",
      ...env,
    },
    stdio: ["pipe", "pipe", "pipe"],
    onErrorLine(line) {
      const [, url] = /^Debugger listening on (ws:\S+)$/.exec(line) ?? [];
      if (url !== undefined) inspectors.push(url);
      else if (!/^(For help, see: |Debugger (attached|ending)|Waiting for the debugger)/.test(line))
        console.error(line);
    },
    readyFd: 1,
  });
  return {
    ...child,
    gatewayPort,
    internal: { RUNTIME_URL: `http://127.0.0.1:${internalPort}`, INTERNAL_SECRET },
    cpuUs: () => cpuUsOf(ownProcessesOf(child.pid)),
    inspectors,
  };
}
