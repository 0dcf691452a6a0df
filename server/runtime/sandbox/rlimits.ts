import { readFileSync } from "node:fs";
import koffi from "koffi";

/**
 * Bounds of the kernel on one process. Where we may, they are set from outside by prlimit(2), which takes microseconds:
 * after the sandbox exists and before it is given a function's code. That is so for an ordinary user, whose uid the
 * sandbox has, and for root with CAP_SYS_RESOURCE. Root without it (in most containers) has a shell lower them before it
 * becomes bwrap: an exec more, about 1 ms, and what may only count within the sandbox is left to its control group.
 */
export type ResourceBounds = {
  /** What to start instead of `program`, so that the bounds are there from the first instruction. */
  wrap(program: string, args: readonly string[]): { program: string; args: readonly string[] };
  /** To be called once the sandbox's process is known. False when the bounds don't hold. */
  apply(pid: number): boolean;
};

/** Connections in (500 at most) and out, streams, and workerd's own; far below what the kernel's tables hold. */
const OPEN_FILES_MAX = 2_048;
/** workerd has two threads; V8 may add a few helpers. Counted by the kernel within the sandbox's user namespace. */
const THREADS_MAX = 32;

/** Numbers of asm-generic/resource.h, the same on x86-64 and arm64. */
const bounds: readonly (readonly [resource: number, value: number])[] = [
  [1, 0], // RLIMIT_FSIZE: no file grows; pipes and sockets are no files
  [4, 0], // RLIMIT_CORE: a crash writes no memory of the tenant's to disk
  [6, THREADS_MAX], // RLIMIT_NPROC
  [7, OPEN_FILES_MAX], // RLIMIT_NOFILE
  [8, 0], // RLIMIT_MEMLOCK: nothing is pinned
  [12, 0], // RLIMIT_MSGQUEUE: no POSIX message queues
  [13, 0], // RLIMIT_NICE
  [14, 0], // RLIMIT_RTPRIO
];

/** In the order in which dash, bash and busybox know them; the last may be unknown, and stands at 8 MB where it is. */
const SCRIPT = `ulimit -f 0 && ulimit -c 0 && ulimit -n ${OPEN_FILES_MAX} && { ulimit -l 0 2>/dev/null; exec "$@"; }`;

const CAP_SYS_RESOURCE = 24n;

export function resourceBounds(): ResourceBounds {
  if (!canSetFromOutside()) {
    return {
      wrap: (program, args) => ({ program: "/bin/sh", args: ["-c", SCRIPT, "sh", program, ...args] }),
      apply: () => true,
    };
  }
  const prlimit = koffi.load("libc.so.6").func("int prlimit(int pid, int resource, const void *limit, void *before)");
  const limit = new BigUint64Array(2);
  return {
    wrap: (program, args) => ({ program, args }),
    apply: (pid) =>
      bounds.every(([resource, value]) => {
        limit.fill(BigInt(value)); // struct rlimit: soft, then hard
        return prlimit(pid, resource, limit, null) === 0;
      }),
  };
}

function canSetFromOutside(): boolean {
  if (process.getuid?.() !== 0) return true;
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0";
  return ((BigInt(`0x${effective}`) >> CAP_SYS_RESOURCE) & 1n) === 1n;
}
