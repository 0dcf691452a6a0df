/**
 * Programs of a few system calls, as machine code for x86-64: what an attacker runs who has found a way out of V8. Each
 * waits for a byte on its standard input, as workerd waits for its configuration, and ends with the kernel's errno of its
 * last call, or 0 when that worked.
 */
export type Argument = number | bigint | "last" | { data: string | Buffer };
export type Step =
  | { call: number; args?: readonly Argument[] }
  /** The same call again until it fails; a thread that it made waits for ever. */
  | { untilFails: number; args?: readonly Argument[] }
  | { code: readonly number[] };

const BASE = 0x400000n;
const HEADER_BYTES = 64 + 56;
const [READ, POLL, EXIT_GROUP] = [0, 7, 231];
/** movabs and mov from r12, for each register of an argument, in their order. */
const IMMEDIATE = [
  [0x48, 0xbf],
  [0x48, 0xbe],
  [0x48, 0xba],
  [0x49, 0xba],
  [0x49, 0xb8],
  [0x49, 0xb9],
] as const;
const FROM_LAST = [
  [0x4c, 0x89, 0xe7],
  [0x4c, 0x89, 0xe6],
  [0x4c, 0x89, 0xe2],
  [0x4d, 0x89, 0xe2],
  [0x4d, 0x89, 0xe0],
  [0x4d, 0x89, 0xe1],
] as const;
const SYSCALL_AND_KEEP = [0x0f, 0x05, 0x49, 0x89, 0xc4]; // the result goes to r12
/** Of what a new thread does: four values, a call, and the way back to them. */
const NEW_THREAD_BYTES = 4 * 10 + 2 + 2;
const TEST_RAX = [0x48, 0x85, 0xc0];

/** An executable that needs no library and no loader. */
export function nativeProgram(steps: readonly Step[]): Buffer {
  // Instructions have the same length whatever addresses they hold: the first pass tells where the data begins.
  const length = assemble(steps, 0n).code.length;
  const { code, data } = assemble(steps, BASE + BigInt(HEADER_BYTES + length));
  return Buffer.concat([header(HEADER_BYTES + code.length + data.length), code, data]);
}

function assemble(steps: readonly Step[], dataAt: bigint): { code: Buffer; data: Buffer } {
  const code: number[] = [];
  const data: Buffer[] = [Buffer.alloc(16)];
  const place = (bytes: Buffer): bigint => {
    const at = dataAt + BigInt(data.reduce((sum, part) => sum + part.length, 0));
    data.push(bytes);
    return at;
  };
  const call = (number: number, args: readonly Argument[]): void => {
    for (const [at, argument] of args.entries()) {
      if (argument === "last") code.push(...(FROM_LAST[at] ?? []));
      else
        code.push(
          ...(IMMEDIATE[at] ?? []),
          ...wordOf(typeof argument === "object" ? place(bytesOf(argument.data)) : BigInt(argument)),
        );
    }
    code.push(0x48, 0xb8, ...wordOf(BigInt(number)), ...SYSCALL_AND_KEEP);
  };
  call(READ, [0, dataAt, 1]);
  for (const step of steps) {
    if ("code" in step) code.push(...step.code);
    else if ("call" in step) call(step.call, step.args ?? []);
    else {
      const begin = code.length;
      call(step.untilFails, step.args ?? []);
      code.push(...TEST_RAX, 0x75, NEW_THREAD_BYTES); // not zero: past what a new thread does
      const threadBegin = code.length;
      for (const [at, value] of [0n, 0n, -1n].entries()) code.push(...(IMMEDIATE[at] ?? []), ...wordOf(value));
      code.push(0x48, 0xb8, ...wordOf(BigInt(POLL)), 0x0f, 0x05);
      code.push(0xeb, 0x100 + threadBegin - (code.length + 2));
      code.push(...TEST_RAX, 0x0f, 0x89, ...int32(begin - (code.length + 9)));
    }
  }
  // mov rdi, r12; neg rdi; test r12, r12; js over; xor edi, edi
  code.push(0x4c, 0x89, 0xe7, 0x48, 0xf7, 0xdf, 0x4d, 0x85, 0xe4, 0x78, 0x02, 0x31, 0xff);
  code.push(0x48, 0xb8, ...wordOf(BigInt(EXIT_GROUP)), 0x0f, 0x05);
  return { code: Buffer.from(code), data: Buffer.concat(data) };
}

function bytesOf(data: string | Buffer): Buffer {
  return typeof data === "string" ? Buffer.from(`${data}\0`, "latin1") : data;
}

function wordOf(value: bigint): number[] {
  const word = Buffer.alloc(8);
  word.writeBigInt64LE(BigInt.asIntN(64, value));
  return [...word];
}

function int32(value: number): number[] {
  const word = Buffer.alloc(4);
  word.writeInt32LE(value);
  return [...word];
}

/** ELF's header and one segment, which may be read, written and run. */
function header(fileBytes: number): Buffer {
  const elf = Buffer.alloc(HEADER_BYTES);
  elf.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  elf.writeUInt16LE(2, 16);
  elf.writeUInt16LE(62, 18); // x86-64
  elf.writeUInt32LE(1, 20);
  elf.writeBigUInt64LE(BASE + BigInt(HEADER_BYTES), 24);
  elf.writeBigUInt64LE(64n, 32);
  elf.writeUInt16LE(64, 52);
  elf.writeUInt16LE(56, 54);
  elf.writeUInt16LE(1, 56);
  elf.writeUInt32LE(1, 64);
  elf.writeUInt32LE(7, 68);
  elf.writeBigUInt64LE(BASE, 80);
  elf.writeBigUInt64LE(BASE, 88);
  elf.writeBigUInt64LE(BigInt(fileBytes), 96);
  elf.writeBigUInt64LE(BigInt(fileBytes), 104);
  elf.writeBigUInt64LE(0x1000n, 112);
  return elf;
}
