import { closeSync, openSync } from "node:fs";
import koffi from "koffi";

const LOCK_EX_NB = 2 | 4;

/**
 * Takes an exclusive lock on a file (flock), or returns undefined when another process holds it. The kernel gives it
 * back when the process ends, however it ends, so no stale lock is ever left.
 */
export function lockFile(path: string): { release(): void } | undefined {
  const libc = koffi.load(process.platform === "darwin" ? "libc.dylib" : "libc.so.6");
  const flock = libc.func("int flock(int fd, int operation)");
  const fd = openSync(path, "a", 0o600);
  if (flock(fd, LOCK_EX_NB) === 0) return { release: () => closeSync(fd) };
  closeSync(fd);
  return undefined;
}
