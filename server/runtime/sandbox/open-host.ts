import { accessSync, constants, mkdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { readSearchPath } from "#server/env.ts";
import { Fault } from "#server/std/fault.ts";
import { makeRunDir, reachableFile } from "#server/runtime/run-dir.ts";
import { bwrapHost, type BwrapOptions } from "./bwrap.ts";
import { librariesOf } from "./libraries.ts";
import type { SandboxHost } from "./sandbox.ts";

/** The account of sandboxes when the platform runs as root: no system account has it. */
export const SANDBOX_UID = 61_001;

/** Prepares what sandboxes need on this machine, or says what is missing. */
export async function openSandboxHost(
  runDir: string,
  openOutSocket: (uid: number | undefined) => BwrapOptions["openOutSocket"],
): Promise<SandboxHost> {
  if (process.platform !== "linux")
    throw new Fault("unavailable", "Functions need Linux: this system has no namespaces to sandbox them in.");
  if (!isOnPath("bwrap"))
    throw new Fault(
      "unavailable",
      "bubblewrap (bwrap) is not installed: run `sudo apt-get install bubblewrap`, then start again.",
    );
  makeRunDir(runDir);
  const socketDir = join(runDir, "s");
  rmSync(socketDir, { recursive: true, force: true }); // of a life that was killed
  mkdirSync(socketDir, { mode: 0o711 });
  const uid = process.getuid?.() === 0 ? SANDBOX_UID : undefined;
  const binary = workerdBinary();
  return bwrapHost({
    workerdPath: reachableFile(binary, runDir),
    libraryPaths: await librariesOf(binary),
    socketDir,
    uid,
    openOutSocket: openOutSocket(uid),
  });
}

/** workerd's npm package installs the binary through a package for each platform. */
function workerdBinary(): string {
  const architecture = { x64: "64", arm64: "arm64" }[process.arch as string];
  const name = `@cloudflare/workerd-linux-${architecture ?? process.arch}/package.json`;
  const resolver = createRequire(createRequire(import.meta.url).resolve("workerd/package.json"));
  return join(dirname(resolver.resolve(name)), "bin/workerd");
}

function isOnPath(program: string): boolean {
  return ["/usr/local/bin", "/usr/bin", "/bin", ...readSearchPath()].some((dir) => {
    try {
      accessSync(join(dir, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
