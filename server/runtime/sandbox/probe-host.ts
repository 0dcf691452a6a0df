import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { chown } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defaultLimits } from "#server/contract/limits.ts";
import type { VersionSpec } from "#server/contract/prepare.ts";
import { newId } from "#server/std/id.ts";
import { openSandboxHost, type SandboxHostOptions } from "./open-host.ts";
import type { SandboxHost } from "./sandbox.ts";

/** Starts sandboxes as the runtime does, with no platform behind their sockets: to look at walls from both sides. */
export async function openProbeHost(
  options: Pick<SandboxHostOptions, "cgroupParent" | "onTrouble" | "programPath">,
): Promise<AsyncDisposable & SandboxHost> {
  const runDir = mkdtempSync(join(tmpdir(), "sluice-probe-"));
  chmodSync(runDir, 0o711);
  const forget = (): void => rmSync(runDir, { recursive: true, force: true });
  try {
    const host = await openSandboxHost({
      ...options,
      runDir,
      openOutSocket: (uid) => async (path) => {
        const server = createServer((socket) => socket.destroy());
        await new Promise<void>((resolve) => server.listen(path, resolve));
        if (uid !== undefined) await chown(path, uid, uid);
        const close = () => new Promise<void>((resolve) => server.close(() => resolve()));
        return { configure: () => undefined, close }; // whatever would leave is cut
      },
    });
    return {
      ...host,
      async [Symbol.asyncDispose]() {
        await host.close();
        forget();
      },
    };
  } catch (error) {
    forget();
    throw error;
  }
}

/** A version of nobody's, whose main module is `bundle`. */
export function probeVersion(bundle: string, limits: Partial<VersionSpec["limits"]> = {}): VersionSpec {
  return {
    versionId: newId("version"),
    functionId: newId("function"),
    organizationId: newId("organization"),
    number: 1,
    bundle,
    compatibilityDate: "2026-11-01",
    plan: "pro",
    limits: { ...defaultLimits.pro, ...limits },
    bindings: [],
  };
}
