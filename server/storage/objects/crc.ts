import { crc32 } from "node:zlib";

/**
 * Cyclic checksums as S3 has them, all reflected, begun and ended with ones. Polynomials are reflected too. CRC-32 is Node's
 * own; the other two are a table and a loop each, where a package would bring sixteen more with it.
 */
export type CrcName = "CRC32" | "CRC32C" | "CRC64NVME";

const shapes = {
  CRC32: { bits: 32n, polynomial: 0xedb88320n },
  CRC32C: { bits: 32n, polynomial: 0x82f63b78n },
  CRC64NVME: { bits: 64n, polynomial: 0x9a6c9329ac4bc9b5n },
} as const;

export interface Crc {
  update(bytes: Uint8Array): void;
  /** Big-endian, as S3 writes it in base64. */
  digest(): Buffer;
}

export function crcOf(name: CrcName): Crc {
  switch (name) {
    case "CRC32":
      return new Crc32((bytes, before) => crc32(bytes, before));
    case "CRC32C":
      return new Crc32(crc32c);
    case "CRC64NVME":
      return new Crc64();
  }
}

class Crc32 implements Crc {
  #value = 0;
  readonly #advance: (bytes: Uint8Array, before: number) => number;

  constructor(advance: (bytes: Uint8Array, before: number) => number) {
    this.#advance = advance;
  }

  update(bytes: Uint8Array): void {
    this.#value = this.#advance(bytes, this.#value);
  }

  digest(): Buffer {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(this.#value >>> 0);
    return bytes;
  }
}

/** What a byte does to the checksum, for each byte. */
function tableOf(name: CrcName): bigint[] {
  const { polynomial } = shapes[name];
  return Array.from({ length: 256 }, (_, byte) => {
    let value = BigInt(byte);
    for (let bit = 0; bit < 8; bit += 1) value = value & 1n ? (value >> 1n) ^ polynomial : value >> 1n;
    return value;
  });
}

const table32c = Int32Array.from(tableOf("CRC32C"), (value) => Number(BigInt.asIntN(32, value)));

function crc32c(bytes: Uint8Array, before: number): number {
  let value = ~before;
  for (let at = 0; at < bytes.length; at += 1)
    value = (table32c[(value ^ (bytes[at] ?? 0)) & 0xff] ?? 0) ^ (value >>> 8);
  return ~value;
}

const table64 = tableOf("CRC64NVME");
const table64Low = Int32Array.from(table64, (value) => Number(BigInt.asIntN(32, value)));
const table64High = Int32Array.from(table64, (value) => Number(BigInt.asIntN(32, value >> 32n)));

/** In halves of 32 bits: big integers would take a hundred times as long. */
class Crc64 implements Crc {
  #low = -1;
  #high = -1;

  update(bytes: Uint8Array): void {
    let low = this.#low;
    let high = this.#high;
    for (let at = 0; at < bytes.length; at += 1) {
      const index = (low ^ (bytes[at] ?? 0)) & 0xff;
      low = ((low >>> 8) | (high << 24)) ^ (table64Low[index] ?? 0);
      high = (high >>> 8) ^ (table64High[index] ?? 0);
    }
    this.#low = low;
    this.#high = high;
  }

  digest(): Buffer {
    const bytes = Buffer.alloc(8);
    bytes.writeUInt32BE(~this.#high >>> 0, 0);
    bytes.writeUInt32BE(~this.#low >>> 0, 4);
    return bytes;
  }
}

/** The checksum of two texts one after the other, from the checksum of each and the length of the second. */
export function combineCrcs(name: CrcName, [first, second]: [Buffer, Buffer], secondBytes: number): Buffer {
  const { bits } = shapes[name];
  const moved = multiply(name, numberOf(first), powerOfX(name, BigInt(secondBytes) * 8n));
  const hex = (moved ^ numberOf(second)).toString(16).padStart(Number(bits) / 4, "0");
  return Buffer.from(hex, "hex");
}

function numberOf(bytes: Buffer): bigint {
  return BigInt(`0x${bytes.toString("hex")}`);
}

/** Polynomials over two elements, modulo the checksum's own; reflected, so that the highest bit is 1 and shifting right is times x. */
function multiply(name: CrcName, a: bigint, b: bigint): bigint {
  const { bits, polynomial } = shapes[name];
  let product = 0n;
  let shifted = b;
  for (let bit = bits - 1n; bit >= 0n; bit -= 1n) {
    if ((a >> bit) & 1n) product ^= shifted;
    shifted = shifted & 1n ? (shifted >> 1n) ^ polynomial : shifted >> 1n;
  }
  return product;
}

function powerOfX(name: CrcName, exponent: bigint): bigint {
  const { bits } = shapes[name];
  let result = 1n << (bits - 1n);
  let square = 1n << (bits - 2n);
  for (let left = exponent; left > 0n; left >>= 1n) {
    if (left & 1n) result = multiply(name, result, square);
    square = multiply(name, square, square);
  }
  return result;
}
