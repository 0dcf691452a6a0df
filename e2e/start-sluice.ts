import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePorts, startSluiceProcess } from "./sluice-process.ts";

/** Playwright's global setup: one Sluice on free ports, with a data folder of its own, stopped afterwards. */
export default async function startSluice(): Promise<() => Promise<void>> {
  const dataDir = await mkdtemp(join(tmpdir(), "sluice-e2e-"));
  const sluice = await startSluiceProcess(dataDir, await freePorts());
  process.env["SLUICE_CONSOLE"] = `http://localhost:${sluice.port}`;
  process.env["SLUICE_GATEWAY_PORT"] = String(sluice.gatewayPort);
  process.env["SLUICE_DATA_DIR"] = dataDir;
  return async () => {
    await sluice.stop();
    await rm(dataDir, { recursive: true, force: true });
  };
}
