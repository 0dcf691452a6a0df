import koffi from "koffi";

/**
 * The kernel's CPU clock of another process (clock_gettime with the dynamic clock id of a pid, CPUCLOCK_SCHED), in
 * nanoseconds, ended threads included. It needs no privilege and works across namespaces; a read takes about 1 us.
 */
const libc = koffi.load(process.platform === "darwin" ? "libc.dylib" : "libc.so.6");
const clockGettime = libc.func("int clock_gettime(int32_t clock, void *time)");
const CPUCLOCK_SCHED = 2;
const NS_PER_S = 1_000_000_000;

/** A struct timespec of a little-endian 64-bit machine: seconds in the first two words, nanoseconds in the others. */
const time = new Uint32Array(4);

/** CPU time that the process has used so far, or undefined when it is gone. Exact: 2^53 ns are 104 days of CPU. */
export function readCpuNs(pid: number): number | undefined {
  const clock = (~pid << 3) | CPUCLOCK_SCHED;
  return clockGettime(clock, time) === 0 ? time[0]! * NS_PER_S + time[2]! : undefined;
}
