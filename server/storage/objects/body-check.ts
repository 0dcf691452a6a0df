import { createHash, type Hash } from "node:crypto";
import { runningChecksum, type Checksum, type ChecksumAlgorithm, type RunningChecksum } from "./checksum.ts";
import { refusal } from "./refusal.ts";

/** What a body has to turn out to be. Asked once its last byte is there, as trailers come after it. */
export type Promised = {
  sizeBytes?: number | undefined;
  md5Hex?: string | undefined;
  sha256Hex?: string | undefined;
  checksum?: string | undefined;
};

export type IncomingBytes = {
  chunks: AsyncIterable<Uint8Array>;
  /** The checksum to make beside MD5. */
  algorithm: ChecksumAlgorithm | null;
  /** Whether SHA-256 is to be made because the signature names it. */
  isSha256Signed: boolean;
  sizeBytesMax: number;
  promised(): Promised;
};

export type CheckedBody = { sizeBytes: number; md5Hex: string; checksum: Checksum | null };

/** Follows a body as it comes, and says in the end whether it was what was promised. */
export class BodyCheck {
  readonly #body: IncomingBytes;
  readonly #md5: Hash = createHash("md5");
  readonly #sha256: Hash | null;
  readonly #checksum: RunningChecksum | null;
  sizeBytes = 0;

  constructor(body: IncomingBytes) {
    this.#body = body;
    this.#sha256 = body.isSha256Signed ? createHash("sha256") : null;
    this.#checksum = body.algorithm && runningChecksum(body.algorithm);
  }

  /** Throws the refusal `too_large`. */
  update(chunk: Uint8Array): void {
    this.sizeBytes += chunk.length;
    if (this.sizeBytes > this.#body.sizeBytesMax) throw refusal("too_large");
    this.#md5.update(chunk);
    this.#sha256?.update(chunk);
    this.#checksum?.update(chunk);
  }

  /** Throws a refusal when the body is not what was promised. */
  finish(): CheckedBody {
    const { sizeBytes } = this;
    const { algorithm } = this.#body;
    const promised = this.#body.promised();
    const md5Hex = this.#md5.digest("hex");
    const value = this.#checksum?.digest().toString("base64");
    const isOther = (wanted: string | number | undefined, made: string | number | undefined) =>
      wanted !== undefined && wanted !== made;
    if (isOther(promised.sizeBytes, sizeBytes)) throw refusal("incomplete_body");
    if (isOther(promised.md5Hex, md5Hex)) throw refusal("wrong_md5");
    if (isOther(promised.sha256Hex, this.#sha256?.digest("hex"))) throw refusal("wrong_sha256");
    if (isOther(promised.checksum, value)) throw refusal("wrong_checksum");
    const checksum: Checksum | null =
      algorithm && value !== undefined ? { algorithm, type: "FULL_OBJECT", value } : null;
    return { sizeBytes, md5Hex, checksum };
  }
}
