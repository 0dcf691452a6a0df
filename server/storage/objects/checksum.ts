import { createHash, type Hash } from "node:crypto";
import { z } from "zod";
import { combineCrcs, crcOf, type CrcName } from "./crc.ts";

export const checksumAlgorithms = ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"] as const;
export type ChecksumAlgorithm = (typeof checksumAlgorithms)[number];
export type ChecksumType = "COMPOSITE" | "FULL_OBJECT";

/** A checksum beside the MD5 that every object has: in base64, and of a composite one with "-" and the number of parts. */
export const checksumSchema = z.object({
  algorithm: z.enum(checksumAlgorithms),
  type: z.enum(["COMPOSITE", "FULL_OBJECT"]),
  value: z.string(),
});
export type Checksum = z.infer<typeof checksumSchema>;

export function isChecksumAlgorithm(text: string): text is ChecksumAlgorithm {
  return checksumAlgorithms.some((algorithm) => algorithm === text);
}

/** Whether a text could be such a checksum at all. */
export function isChecksumValue(algorithm: ChecksumAlgorithm, text: string): boolean {
  const bytes = Buffer.from(text, "base64");
  return bytes.length === lengths[algorithm] && bytes.toString("base64") === text;
}

const lengths: Record<ChecksumAlgorithm, number> = { CRC32: 4, CRC32C: 4, CRC64NVME: 8, SHA1: 20, SHA256: 32 };

export interface RunningChecksum {
  update(bytes: Uint8Array): void;
  digest(): Buffer;
}

export function runningChecksum(algorithm: ChecksumAlgorithm): RunningChecksum {
  switch (algorithm) {
    case "CRC32":
    case "CRC32C":
    case "CRC64NVME":
      return crcOf(algorithm);
    case "SHA1":
      return new HashChecksum(createHash("sha1"));
    case "SHA256":
      return new HashChecksum(createHash("sha256"));
  }
}

class HashChecksum implements RunningChecksum {
  readonly #hash: Hash;

  constructor(hash: Hash) {
    this.#hash = hash;
  }

  update(bytes: Uint8Array): void {
    this.#hash.update(bytes);
  }

  digest(): Buffer {
    return this.#hash.digest();
  }
}

/** What S3 makes of an upload that names an algorithm and no type. */
export function typeOf(algorithm: ChecksumAlgorithm): ChecksumType {
  return algorithm === "CRC64NVME" ? "FULL_OBJECT" : "COMPOSITE";
}

/** Whether S3 knows the pair: hashes of the whole can't be made of parts, and CRC-64 is never composite. */
export function canBe(algorithm: ChecksumAlgorithm, type: ChecksumType): boolean {
  return type === "COMPOSITE" ? algorithm !== "CRC64NVME" : isCrc(algorithm);
}

function isCrc(algorithm: ChecksumAlgorithm): algorithm is CrcName {
  return algorithm !== "SHA1" && algorithm !== "SHA256";
}

type PartChecksum = { value: string; sizeBytes: number };

/** The checksum of an object out of those of its parts. */
export function checksumOfParts(
  { algorithm, type }: { algorithm: ChecksumAlgorithm; type: ChecksumType },
  parts: readonly PartChecksum[],
): Checksum {
  const values = parts.map(({ value }) => Buffer.from(value, "base64"));
  if (type === "FULL_OBJECT" && isCrc(algorithm)) {
    const [first = Buffer.alloc(0), ...rest] = values;
    let whole: Buffer = first;
    for (const [at, value] of rest.entries())
      whole = combineCrcs(algorithm, [whole, value], parts[at + 1]?.sizeBytes ?? 0);
    return { algorithm, type, value: whole.toString("base64") };
  }
  const all = runningChecksum(algorithm);
  for (const value of values) all.update(value);
  return { algorithm, type: "COMPOSITE", value: `${all.digest().toString("base64")}-${parts.length}` };
}
