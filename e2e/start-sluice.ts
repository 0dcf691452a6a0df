import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { freePort } from "#server/std/free-port.ts";

const START_MS_MAX = 300_000;

/** Starts all of Sluice as `npm start` does, on free ports, with a data folder of its own, and stops it afterwards. */
export default async function startSluice(): Promise<() => Promise<void>> {
  const dataDir = await mkdtemp(join(tmpdir(), "sluice-e2e-"));
  const [port, gatewayPort, internalPort] = await Promise.all([freePort(), freePort(), freePort()]);
  const child = spawn(process.execPath, [join(import.meta.dirname, "../server/supervisor/start.mjs")], {
    env: {
      ...process.env,
      NODE_ENV: "production",
      PORT: String(port),
      GATEWAY_PORT: String(gatewayPort),
      INTERNAL_PORT: String(internalPort),
      DATA_DIR: dataDir,
      LOG_LEVEL: "warn",
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const timer = setTimeout(() => child.kill("SIGKILL"), START_MS_MAX);
  const ready = new Promise<void>((resolve, reject) => {
    createInterface({ input: child.stdout }).on("line", (line) => line.startsWith("Sluice is ready:") && resolve());
    child.once("exit", (code) => reject(new Error(`Sluice ended with ${code} while starting`)));
  });
  await ready;
  clearTimeout(timer);
  process.env["SLUICE_CONSOLE"] = `http://localhost:${port}`;
  process.env["SLUICE_GATEWAY_PORT"] = String(gatewayPort);
  return async () => {
    const exited = once(child, "exit");
    child.kill("SIGTERM");
    await exited;
    await rm(dataDir, { recursive: true, force: true });
  };
}
