import { expect, test } from "vitest";
import { seccompProgram, type Architecture } from "./seccomp.ts";
import { allowedCalls } from "./syscall-numbers.ts";

const X64 = 0xc000003e;
const ARM64 = 0xc00000b7;
const I386 = 0x40000003;

type Verdict = "allow" | "kill" | `errno ${number}`;

/** Runs a program as the kernel does, for the five instructions that ours consist of. */
function decide(program: Buffer, call: { arch: number; nr: number; args?: number[] }): Verdict {
  const data = Buffer.alloc(64);
  data.writeInt32LE(call.nr | 0, 0);
  data.writeUInt32LE(call.arch, 4);
  for (const [index, arg] of (call.args ?? []).entries())
    data.writeBigUInt64LE(BigInt.asUintN(64, BigInt(arg)), 16 + index * 8);
  let accumulator = 0;
  for (let at = 0; at < program.length / 8; at++) {
    const code = program.readUInt16LE(at * 8);
    const jumpTrue = program.readUInt8(at * 8 + 2);
    const jumpFalse = program.readUInt8(at * 8 + 3);
    const value = program.readUInt32LE(at * 8 + 4);
    switch (code) {
      case 0x20:
        accumulator = data.readUInt32LE(value);
        break;
      case 0x15:
        at += accumulator === value ? jumpTrue : jumpFalse;
        break;
      case 0x35:
        at += accumulator >= value ? jumpTrue : jumpFalse;
        break;
      case 0x45:
        at += (accumulator & value) !== 0 ? jumpTrue : jumpFalse;
        break;
      case 0x06:
        return value === 0x7fff0000 ? "allow" : value === 0x80000000 ? "kill" : `errno ${value & 0xffff}`;
      default:
        throw new Error(`an instruction ${code} that ours never have`);
    }
  }
  throw new Error("the program ran off its end");
}

const x64 = (nr: number, ...args: number[]) => decide(seccompProgram("x64"), { arch: X64, nr, args });
const arm64 = (nr: number, ...args: number[]) => decide(seccompProgram("arm64"), { arch: ARM64, nr, args });

test.each<Architecture>(["x64", "arm64"])(
  "every listed call of %s is allowed whatever its arguments",
  (architecture) => {
    for (const numbers of Object.values(allowedCalls)) {
      const nr = architecture === "x64" ? numbers[0] : numbers[1];
      if (nr !== null)
        expect([nr, architecture === "x64" ? x64(nr, -1, -1) : arm64(nr, -1, -1)]).toEqual([nr, "allow"]);
    }
  },
);

test.each([
  ["ptrace", 101, 117],
  ["mount", 165, 40],
  ["unshare", 272, 97],
  ["setns", 308, 268],
  ["bpf", 321, 280],
  ["keyctl", 250, 219],
  ["io_uring_setup", 425, 425],
  ["userfaultfd", 323, 282],
  ["perf_event_open", 298, 241],
  ["process_vm_readv", 310, 270],
  ["kill", 62, 129],
  ["fork/none", 57, 1071],
  ["init_module", 175, 105],
  ["kexec_load", 246, 104],
  ["chroot", 161, 51],
  ["pivot_root", 155, 41],
  ["setuid", 105, 146],
  ["capset", 126, 91],
  ["open_by_handle_at", 304, 265],
  ["memfd_create", 319, 279],
  ["mknodat", 259, 33],
  ["unlinkat", 263, 35],
  ["renameat2", 316, 276],
  ["fsopen", 430, 430],
  ["pidfd_getfd", 438, 438],
  ["seccomp", 317, 277],
  ["execveat", 322, 281],
  ["personality", 135, 92],
])("%s ends the process", (_name, onX64, onArm64) => {
  expect([x64(onX64), arm64(onArm64)]).toEqual(["kill", "kill"]);
});

test("sockets are unix sockets only", () => {
  for (const family of [2, 10, 16, 17, 40])
    expect([x64(41, family, 1), arm64(198, family, 1)]).toEqual(["errno 97", "errno 97"]);
  expect([x64(41, 1, 1), arm64(198, 1, 1), x64(53, 1, 1)]).toEqual(["allow", "allow", "allow"]);
});

test("clone makes threads, and neither processes nor namespaces", () => {
  const thread = 0x3d0f00;
  expect([x64(56, thread), arm64(220, thread)]).toEqual(["allow", "allow"]);
  for (const flags of [17, 0x4111, 0x10000000 | 17, thread | 0x10000000, thread | 0x40000000])
    expect(x64(56, flags)).toBe("errno 1");
  expect(x64(435)).toBe("errno 38"); // clone3: its flags lie in memory, where no filter can read them
});

test("prctl, ioctl and prlimit do what the start of a process needs and no more", () => {
  expect([x64(157, 15), x64(157, 0x53564d41), x64(157, 22), x64(157, 38)]).toEqual([
    "allow",
    "allow",
    "errno 1",
    "errno 1",
  ]);
  expect([x64(16, 1, 0x5401), x64(16, 1, 0x5412)]).toEqual(["allow", "errno 25"]); // TIOCSTI types into a terminal
  expect([x64(302, 0), x64(302, 7)]).toEqual(["allow", "errno 1"]);
});

test("another calling convention has no call at all: not of 32 bits, not x32, not the other machine's", () => {
  const program = seccompProgram("x64");
  expect(decide(program, { arch: I386, nr: 4 })).toBe("kill");
  expect(decide(program, { arch: ARM64, nr: 63 })).toBe("kill");
  expect(x64(0x40000000)).toBe("kill");
  expect(x64(0x40000000 | 59)).toBe("kill");
  expect(x64(-1)).toBe("kill");
  expect(decide(seccompProgram("arm64"), { arch: 0x40000028, nr: 4 })).toBe("kill");
});
