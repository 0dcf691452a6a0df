import { absentCalls, allowedCalls, ruledCalls, type SyscallNumbers } from "./syscall-numbers.ts";

/**
 * The list of system calls that a sandbox may make, as a program of the kernel's classic BPF (seccomp(2)). What is not on
 * the list ends the whole process. Made here and not by libseccomp, so that nothing has to be installed or compiled.
 */
export type Architecture = "x64" | "arm64";

/** AUDIT_ARCH_*: the kernel's name of the calling convention, not of the machine. A 32-bit call on a 64-bit kernel has another. */
const auditArch: Record<Architecture, number> = { x64: 0xc000003e, arm64: 0xc00000b7 };
/** From here on up, numbers on x86-64 are those of the x32 convention: the same calls under other numbers. */
const X32_BIT = 0x40000000;

const LOAD_WORD = 0x20;
const JUMP_EQUAL = 0x15;
const JUMP_GREATER_EQUAL = 0x35;
const JUMP_ANY_BIT = 0x45;
const RETURN = 0x06;

const ALLOW = 0x7fff0000;
const KILL_PROCESS = 0x80000000;
const failWith = (errno: number): number => 0x00050000 | errno;
const EPERM = 1;
const ENOTTY = 25;
const ENOSYS = 38;
const EAFNOSUPPORT = 97;

/** struct seccomp_data: int nr, u32 arch, u64 instruction pointer, u64 args[6]; little-endian on both architectures. */
const OFFSET_NUMBER = 0;
const OFFSET_ARCH = 4;
const offsetOfArg = (index: number): number => 16 + index * 8;

const AF_UNIX = 1;
const PR_SET_NAME = 15;
const PR_SET_VMA = 0x53564d41;
const TCGETS = 0x5401;
const CLONE_THREAD = 0x00010000;
/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET. */
const CLONE_NAMESPACES = 0x7e020000;

type Instruction = { code: number; jumpTrue: number; jumpFalse: number; value: number };

const load = (offset: number): Instruction => ({ code: LOAD_WORD, jumpTrue: 0, jumpFalse: 0, value: offset });
const answer = (action: number): Instruction => ({ code: RETURN, jumpTrue: 0, jumpFalse: 0, value: action });
const jump = (code: number, value: number, jumpTrue: number, jumpFalse: number): Instruction => ({
  code,
  jumpTrue,
  jumpFalse,
  value,
});

/** Allowed when the low half of an argument is one of `values`. The kernel reads these arguments as 32 bits wide, as we do. */
function onlyWith(arg: number, values: readonly number[], otherwise: number): Instruction[] {
  const tests = values.map((value, index) => jump(JUMP_EQUAL, value, values.length - index, 0));
  return [load(offsetOfArg(arg)), ...tests, answer(failWith(otherwise)), answer(ALLOW)];
}

const rules: readonly (readonly [SyscallNumbers, readonly Instruction[]])[] = [
  [ruledCalls.socket, onlyWith(0, [AF_UNIX], EAFNOSUPPORT)],
  [ruledCalls.socketpair, onlyWith(0, [AF_UNIX], EAFNOSUPPORT)],
  [ruledCalls.prctl, onlyWith(0, [PR_SET_NAME, PR_SET_VMA], EPERM)],
  [ruledCalls.ioctl, onlyWith(1, [TCGETS], ENOTTY)],
  [ruledCalls.prlimit64, onlyWith(0, [0], EPERM)], // its own limits, which it can only lower
  // A thread of its own process and nothing else: no fork, no namespace.
  [
    ruledCalls.clone,
    [
      load(offsetOfArg(0)),
      jump(JUMP_ANY_BIT, CLONE_NAMESPACES, 1, 0),
      jump(JUMP_ANY_BIT, CLONE_THREAD, 1, 0),
      answer(failWith(EPERM)),
      answer(ALLOW),
    ],
  ],
];

/** The program as bwrap takes it: struct sock_filter after struct sock_filter. */
export function seccompProgram(architecture: Architecture): Buffer {
  const numberOf = ([x64, arm64]: SyscallNumbers): number | null => (architecture === "x64" ? x64 : arm64);
  const when = (numbers: SyscallNumbers, then: readonly Instruction[]): Instruction[] => {
    const number = numberOf(numbers);
    return number === null ? [] : [jump(JUMP_EQUAL, number, 0, then.length), ...then];
  };
  return encode([
    load(OFFSET_ARCH),
    jump(JUMP_EQUAL, auditArch[architecture], 1, 0),
    answer(KILL_PROCESS),
    load(OFFSET_NUMBER),
    ...(architecture === "x64" ? [jump(JUMP_GREATER_EQUAL, X32_BIT, 0, 1), answer(KILL_PROCESS)] : []),
    ...Object.values(allowedCalls).flatMap((numbers) => when(numbers, [answer(ALLOW)])),
    // A rule loads an argument over the number, so each ends with an answer on every path.
    ...rules.flatMap(([numbers, rule]) => when(numbers, rule)),
    ...Object.values(absentCalls).flatMap((numbers) => when(numbers, [answer(failWith(ENOSYS))])),
    answer(KILL_PROCESS),
  ]);
}

const INSTRUCTION_BYTES = 8;
const JUMP_MAX = 255;

function encode(instructions: readonly Instruction[]): Buffer {
  const program = Buffer.alloc(instructions.length * INSTRUCTION_BYTES);
  for (const [index, { code, jumpTrue, jumpFalse, value }] of instructions.entries()) {
    if (jumpTrue > JUMP_MAX || jumpFalse > JUMP_MAX) throw new Error("a jump of BPF skips 255 instructions at most");
    const at = index * INSTRUCTION_BYTES;
    program.writeUInt16LE(code, at);
    program.writeUInt8(jumpTrue, at + 2);
    program.writeUInt8(jumpFalse, at + 3);
    program.writeUInt32LE(value, at + 4);
  }
  return program;
}
