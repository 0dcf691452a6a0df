import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { readUserRunDir } from "#server/env.ts";
import { errnoOf, Fault } from "#server/std/fault.ts";

/**
 * The folder for sockets, one for each data folder. Its path is short, since a unix socket's has 107 bytes at most, and
 * every folder above it lets the sandbox's account through, which the data folder's own need not.
 */
export function runDirFor(dataDir: string): string {
  const name = `sluice-${createHash("sha256").update(dataDir).digest("hex").slice(0, 10)}`;
  if (process.getuid?.() === 0) return join("/var/lib", name);
  return join(readUserRunDir() ?? join(tmpdir(), `sluice-${process.getuid?.() ?? 0}`), name);
}

/** Makes the folder, ours and writable to nobody else; refuses one that another account put there first. */
export function makeRunDir(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o711 });
  const { uid } = lstatSync(path);
  if (uid !== process.getuid?.())
    throw new Fault(
      "conflict",
      `${path} belongs to another account. Remove it, or set RUN_DIR to a short path of your own.`,
    );
  chmodSync(path, 0o711);
  if (process.getuid?.() === 0 && !isReachable(join(path, "socket"))) {
    throw new Fault(
      "unavailable",
      `${path} lies in a folder that only root may enter, so sandboxes can't reach their sockets. Set RUN_DIR to a short path elsewhere.`,
    );
  }
}

/** A file that any account may reach: itself where every folder above it allows that, else a link or copy in `runDir`. */
export function reachableFile(path: string, runDir: string): string {
  if (process.getuid?.() !== 0 || isReachable(path)) return path;
  const target = join(runDir, path.split("/").at(-1) ?? "file");
  if (
    existsSync(target) &&
    statSync(target).size === statSync(path).size &&
    statSync(target).mtimeMs >= statSync(path).mtimeMs
  )
    return target;
  const half = `${target}.${process.pid}`;
  rmSync(half, { force: true });
  try {
    linkSync(path, half);
  } catch (error) {
    if (errnoOf(error) !== "EXDEV" && errnoOf(error) !== "EPERM") throw error;
    copyFileSync(path, half);
  }
  chmodSync(half, 0o755);
  renameSync(half, target);
  return target;
}

const SEARCHABLE_BY_OTHERS = 0o001;

function isReachable(path: string): boolean {
  for (let dir = dirname(path); ; dir = dirname(dir)) {
    if ((statSync(dir).mode & SEARCHABLE_BY_OTHERS) === 0) return false;
    if (dir === "/") return true;
  }
}
