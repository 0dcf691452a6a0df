import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openProbeHost, probeVersion } from "#server/runtime/sandbox/probe-host.ts";
import { delegateGroup } from "#server/runtime/sandbox/test-delegation.ts";
import { nativeProgram, type Argument, type Step } from "./native-program.ts";

/**
 * As if V8 were no wall at all: programs of the attacker's own run where workerd runs, and call the kernel. The walls are
 * the list of system calls, the namespaces, the read-only root, and the bounds of the kernel.
 */
const FILTER = "list of system calls";
const ROOT = "read-only root with the program and its libraries only";
const NETWORK = "no network: list of system calls, network namespace";
const PIDS = "PID namespace";
const BOUNDS = "limits of the process, control group";

/** How a program ended: by the kernel's signal for a forbidden call (128 + SIGSYS), or with an errno of its own. */
const KILLED = 128 + 31;
const [EPERM, ENOENT, ESRCH, EAGAIN, EACCES, EROFS, EMFILE, ENOTTY, ENOSYS, EAFNOSUPPORT, ECONNREFUSED] = [
  1, 2, 3, 11, 13, 30, 24, 25, 38, 97, 111,
];

const data = (text: string): Argument => ({ data: text });
const call = (number: number, ...args: Argument[]): Step => ({ call: number, args });
const unixAddress = (path: string): Argument => ({
  data: Buffer.concat([Buffer.from([1, 0]), Buffer.from(path, "latin1"), Buffer.alloc(108 - path.length)]),
});
const inetAddress: Argument = { data: Buffer.from([2, 0, 0, 80, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]) };
const AT_FDCWD = -100;
const O_CREAT_WRITE = 0o101;
const THREAD = 0x50f00; // CLONE_VM, FS, FILES, SIGHAND, THREAD, SYSVSEM

type NativeAttack = [name: string, wall: string, steps: Step[], ...ends: [number, ...number[]]];

const attacks: NativeAttack[] = [
  ["nothing forbidden, so that the program is seen to run", "none", [call(39)], 0],
  ["an errno, so that it is seen to be told", "none", [call(3, 999)], 9],
  ["ptrace of itself", FILTER, [call(101, 0)], KILLED],
  ["ptrace of another process", FILTER, [call(101, 16, 2)], KILLED],
  ["reading another process's memory", FILTER, [call(310, 1, 0, 0, 0, 0, 0)], KILLED],
  ["writing another process's memory", FILTER, [call(311, 1, 0, 0, 0, 0, 0)], KILLED],
  ["kill of everyone", `${FILTER}; ${PIDS}`, [call(62, -1, 9)], KILLED],
  ["kill of the parent", `${FILTER}; ${PIDS}`, [call(62, 0, 9)], KILLED],
  ["a signal to a thread outside", PIDS, [call(234, 4711, 4711, 9)], ESRCH],
  ["pidfd_open and a signal by it", FILTER, [call(434, 1, 0)], KILLED],
  ["fork", FILTER, [call(57)], KILLED],
  ["vfork", FILTER, [call(58)], KILLED],
  ["clone of a process", FILTER, [call(56, 17, 0, 0, 0, 0)], EPERM],
  ["clone3", FILTER, [call(435, 0, 0)], ENOSYS],
  ["a new user namespace by clone", FILTER, [call(56, 0x10000000 + THREAD, 0, 0, 0, 0)], EPERM],
  ["unshare", FILTER, [call(272, 0x10000000)], KILLED],
  ["setns", FILTER, [call(308, 0, 0)], KILLED],
  ["mount", FILTER, [call(165, data("none"), data("/"), data("tmpfs"), 0, 0)], KILLED],
  ["umount", FILTER, [call(166, data("/proc"), 0)], KILLED],
  ["pivot_root", FILTER, [call(155, data("/"), data("/"))], KILLED],
  ["chroot", FILTER, [call(161, data("/"))], KILLED],
  ["bpf", FILTER, [call(321, 0, 0, 0)], KILLED],
  ["perf_event_open", FILTER, [call(298, 0, 0, 0, 0, 0)], KILLED],
  ["io_uring_setup", FILTER, [call(425, 1, 0)], KILLED],
  ["userfaultfd", FILTER, [call(323, 0)], KILLED],
  ["keyctl", FILTER, [call(250, 0, 0, 0, 0, 0)], KILLED],
  ["loading a kernel module", FILTER, [call(175, 0, 0, 0)], KILLED],
  ["setting the clock", FILTER, [call(227, 0, 0)], KILLED],
  ["reboot", FILTER, [call(169, 0xfee1deadn, 0x28121969, 0x1234567, 0)], KILLED],
  ["becoming root", FILTER, [call(105, 0)], KILLED],
  ["capset", FILTER, [call(126, 0, 0)], KILLED],
  ["personality", FILTER, [call(135, 0xffffffff)], KILLED],
  ["a call of 32 bits", FILTER, [{ code: [0xb8, 20, 0, 0, 0, 0xcd, 0x80] }], KILLED],
  ["a call of the x32 convention", FILTER, [call(0x40000000 + 39)], KILLED],
  ["prctl to be dumped or traced", FILTER, [call(157, 4, 1, 0, 0, 0)], EPERM],
  ["typing into a terminal", FILTER, [call(16, 0, 0x5412, data("x"))], ENOTTY],
  ["raising its own limits", "no capability to", [call(302, 0, 7, { data: Buffer.alloc(16, 0xff) }, 0)], EPERM],
  ["a TCP socket", NETWORK, [call(41, 2, 1, 0), call(42, "last", inetAddress, 16)], 9],
  ["an IPv6 socket", NETWORK, [call(41, 10, 1, 0)], EAFNOSUPPORT],
  ["a UDP socket, for DNS", NETWORK, [call(41, 2, 2, 0)], EAFNOSUPPORT],
  ["a raw socket", NETWORK, [call(41, 2, 3, 1)], EAFNOSUPPORT],
  ["a packet socket", NETWORK, [call(41, 17, 3, 768)], EAFNOSUPPORT],
  ["a netlink socket", NETWORK, [call(41, 16, 3, 0)], EAFNOSUPPORT],
  ["a socket to the hypervisor", NETWORK, [call(41, 40, 1, 0)], EAFNOSUPPORT],
  [
    "another tenant's socket, by its path on the host",
    ROOT,
    [call(41, 1, 1, 0), call(42, "last", unixAddress("HOST_SOCKET"), 110)],
    ENOENT,
  ],
  [
    "a socket of the host's without a file",
    "network namespace",
    [call(41, 1, 1, 0), call(42, "last", unixAddress("\0sluice-test-abstract"), 23)],
    ECONNREFUSED,
  ],
  ["/etc/passwd", ROOT, [call(257, AT_FDCWD, data("/etc/passwd"), 0, 0)], ENOENT],
  ["/sys", ROOT, [call(257, AT_FDCWD, data("/sys/fs/cgroup"), 0, 0)], ENOENT],
  ["/dev/mem", ROOT, [call(257, AT_FDCWD, data("/dev/mem"), 0, 0)], ENOENT],
  ["the host's root through dots", ROOT, [call(257, AT_FDCWD, data("/../../../etc/passwd"), 0, 0)], ENOENT],
  ["the host's root through /proc", ROOT, [call(257, AT_FDCWD, data("/proc/1/root/etc/passwd"), 0, 0)], ENOENT],
  ["a process of the host's in /proc", PIDS, [call(257, AT_FDCWD, data("/proc/HOST_PID/environ"), 0, 0)], ENOENT],
  ["writing its own program", ROOT, [call(257, AT_FDCWD, data("/workerd"), 1, 0)], EROFS, EACCES],
  ["making a file", ROOT, [call(257, AT_FDCWD, data("/file"), O_CREAT_WRITE, 0o777)], EROFS],
  ["making a folder", FILTER, [call(83, data("/folder"), 0o777)], KILLED],
  ["removing a file", FILTER, [call(87, data("/workerd"))], KILLED],
  ["a file in memory to run", FILTER, [call(319, data("x"), 0)], KILLED],
  [
    "changing a setting of the kernel's",
    ROOT,
    [call(257, AT_FDCWD, data("/proc/sys/kernel/core_pattern"), 1, 0)],
    EACCES,
  ],
  ["running a shell", ROOT, [call(59, data("/bin/sh"), 0, 0)], ENOENT],
  ["descriptors without end", BOUNDS, [{ untilFails: 32, args: [1] }], EMFILE],
  ["threads without end", BOUNDS, [{ untilFails: 56, args: [THREAD, 0, 0, 0, 0] }], EAGAIN],
  ["pinning memory", FILTER, [call(149, 0x400000, 4096)], KILLED],
  ["a real-time priority", FILTER, [call(144, 0, 1, { data: Buffer.from([50, 0, 0, 0]) })], KILLED],
];

const RUN_MS_MAX = 20_000;
let programs = 0;
let dir: string;
let hostSocket: Server;
let abstractSocket: Server;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "sluice-native-"));
  chmodSync(dir, 0o711);
  hostSocket = createServer().listen(join(dir, "neighbour.in"));
  abstractSocket = createServer().listen("\0sluice-test-abstract");
});

afterAll(() => {
  hostSocket.close();
  abstractSocket.close();
  rmSync(dir, { recursive: true, force: true });
});

/** How the program ends in the walls that stand around workerd. */
async function endOf(steps: readonly Step[], cgroupParent?: string) {
  const programPath = join(dir, `program-${(programs += 1)}`);
  writeFileSync(programPath, nativeProgram(steps), { mode: 0o755 });
  await using host = await openProbeHost({
    cgroupParent,
    programPath,
    onTrouble: (message, error) => expect.fail(`${message}: ${String(error)}`),
  });
  const sandbox = await host.start();
  sandbox.output.forEach((stream) => stream.resume());
  sandbox.configure(probeVersion("", { memoryMbMax: 32 }));
  const timer = setTimeout(() => void sandbox.kill(), RUN_MS_MAX);
  const exit = await sandbox.exited;
  clearTimeout(timer);
  return exit;
}

const placed = (steps: readonly Step[]): Step[] =>
  steps.map((step) => ("code" in step ? step : { ...step, args: (step.args ?? []).map(withPlaces) }));

/** Paths that are known only now. */
function withPlaces(argument: Argument): Argument {
  if (typeof argument !== "object") return argument;
  const text = argument.data.toString("latin1");
  if (text.includes("HOST_PID")) return { data: text.replace("HOST_PID", String(process.pid)) };
  return text.includes("HOST_SOCKET") ? unixAddress(join(dir, "neighbour.in")) : argument;
}

test.each(attacks)("machine code that tries %s is stopped by: %s", async (_name, _wall, steps, ...ends) => {
  if (process.arch !== "x64") return expect(process.arch).toBe("arm64"); // the list for it is run by an interpreter: seccomp.test.ts
  const { code, signal } = await endOf(placed(steps));
  expect(signal).toBeNull();
  expect(ends).toContain(code);
});

test("machine code that takes memory without end is ended by the kernel, where there is a memory group", async () => {
  const delegation = delegateGroup(`sluice-test-native-${process.pid}`);
  if (delegation.kind !== "made" || process.arch !== "x64")
    return expect(["refused", "bounded", "made"]).toContain(delegation.kind);
  // A page at a time: mmap(0, 1 MB, read and write, private, anonymous and populated).
  const exit = await endOf([{ untilFails: 9, args: [0, 1_048_576, 3, 0x8022, -1, 0] }], delegation.parent);
  await delegation.remove();
  expect(exit).toEqual({ code: 137, signal: null, isOutOfMemory: true });
});
