import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

/** Loaded by glibc only when a thread is cancelled or C++ unwinds, so ldd does not list it. */
const LOADED_LATE = "libgcc_s.so.1";

/** The shared libraries of a binary with its loader, as absolute paths: all that its sandbox needs of the host. */
export async function librariesOf(binaryPath: string): Promise<string[]> {
  const { stdout } = await promisify(execFile)("ldd", [binaryPath]);
  const paths = [...stdout.matchAll(/(?:=> |^\s*)(\/\S+) \(0x/gm)].flatMap((match) => match[1] ?? []);
  const libc = paths.find((path) => path.includes("libc.so"));
  const late = libc && join(dirname(libc), LOADED_LATE);
  return [...new Set(late && existsSync(late) ? [...paths, late] : paths)];
}
