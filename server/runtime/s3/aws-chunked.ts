import { createHash } from "node:crypto";
import { EMPTY_SHA256, isSameSignature, signatureOf } from "./signature.ts";
import { S3Error } from "./s3-error.ts";

/** What chunks are signed with: each signature is made of the one before, the first of the request's own. */
export type ChunkSigning = { key: Buffer; dateTime: string; scope: string; seed: string };

const LINE_BYTES_MAX = 4_096;
const TRAILERS_MAX = 10;

/**
 * Reads a body in S3's own chunks ("aws-chunked"), checking each chunk's signature where they have one. Bytes are handed on as they
 * come, so whoever takes them has to take back all of it when this throws.
 */
export class ChunkedBody {
  readonly #source: ByteSource;
  readonly #hasTrailer: boolean;
  readonly #signing: ChunkSigning | null;
  #signature: string;
  /** Known once the last byte was read. */
  readonly trailers = new Map<string, string>();

  constructor(source: AsyncIterable<Uint8Array>, of: { hasTrailer: boolean; signing: ChunkSigning | null }) {
    this.#source = new ByteSource(source);
    this.#hasTrailer = of.hasTrailer;
    this.#signing = of.signing;
    this.#signature = of.signing?.seed ?? "";
  }

  async *chunks(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const { sizeBytes, signature } = readHead(await this.#source.line());
      const hash = this.#signing && createHash("sha256");
      for (let left = sizeBytes; left > 0;) {
        const bytes = await this.#source.take(left);
        left -= bytes.length;
        hash?.update(bytes);
        yield bytes;
      }
      this.#checkChunk(signature, hash?.digest("hex"));
      if (sizeBytes === 0) break;
      if ((await this.#source.line()) !== "") throw new S3Error("IncompleteBody", "A chunk is longer than it says.");
    }
    await this.#readTrailers();
    if (!(await this.#source.isOver())) throw new S3Error("IncompleteBody", "There is more after the last chunk.");
  }

  #checkChunk(given: string | undefined, sha256Hex: string | undefined): void {
    if (!this.#signing || sha256Hex === undefined) return;
    this.#advance(given, "AWS4-HMAC-SHA256-PAYLOAD", [EMPTY_SHA256, sha256Hex]);
  }

  #advance(given: string | undefined, kind: string, hashes: string[]): void {
    const { key, dateTime, scope } = this.#signing!;
    const wanted = signatureOf(key, [kind, dateTime, scope, this.#signature, ...hashes].join("\n"));
    if (!isSameSignature(given ?? "", wanted))
      throw new S3Error("SignatureDoesNotMatch", "A chunk's signature is wrong.");
    this.#signature = wanted;
  }

  async #readTrailers(): Promise<void> {
    for (;;) {
      const line = (await this.#source.isOver()) ? "" : await this.#source.line();
      if (line === "") break;
      const [name = "", value = ""] = line.split(/:(.*)/s, 2);
      if (!this.#hasTrailer || this.trailers.size === TRAILERS_MAX) throw new S3Error("IncompleteBody");
      this.trailers.set(name.trim().toLowerCase(), value.trim());
    }
    if (!this.#hasTrailer || !this.#signing) return;
    const given = this.trailers.get("x-amz-trailer-signature");
    this.trailers.delete("x-amz-trailer-signature");
    const text = [...this.trailers].map(([name, value]) => `${name}:${value}\n`).join("");
    this.#advance(given, "AWS4-HMAC-SHA256-TRAILER", [createHash("sha256").update(text).digest("hex")]);
  }
}

/** "10000;chunk-signature=…", or "10000" alone. */
function readHead(line: string): { sizeBytes: number; signature: string | undefined } {
  const [, size, signature] = /^([0-9a-fA-F]{1,10})(?:;chunk-signature=([0-9a-f]{64}))?$/.exec(line) ?? [];
  if (size === undefined) throw new S3Error("IncompleteBody", "The body is not in the chunks that it says it is in.");
  return { sizeBytes: Number.parseInt(size, 16), signature };
}

/** Lines and bytes out of a stream, holding no more than a line or what came at once. */
class ByteSource {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #held: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#chunks = source[Symbol.asyncIterator]();
  }

  async #more(): Promise<boolean> {
    const { done, value } = await this.#chunks.next();
    if (done) return false;
    this.#held =
      this.#held.length === 0
        ? Buffer.from(value.buffer, value.byteOffset, value.length)
        : Buffer.concat([this.#held, value]);
    return true;
  }

  /** One to `most` bytes. */
  async take(most: number): Promise<Buffer> {
    while (this.#held.length === 0)
      if (!(await this.#more())) throw new S3Error("IncompleteBody", "The body ended within a chunk.");
    const taken = this.#held.subarray(0, most);
    this.#held = this.#held.subarray(taken.length);
    return taken;
  }

  async line(): Promise<string> {
    for (;;) {
      const at = this.#held.indexOf("\r\n");
      if (at > LINE_BYTES_MAX || (at < 0 && this.#held.length > LINE_BYTES_MAX)) throw new S3Error("IncompleteBody");
      if (at >= 0) {
        const line = this.#held.toString("latin1", 0, at);
        this.#held = this.#held.subarray(at + 2);
        return line;
      }
      if (!(await this.#more())) throw new S3Error("IncompleteBody", "The body ended between two chunks.");
    }
  }

  async isOver(): Promise<boolean> {
    while (this.#held.length === 0) if (!(await this.#more())) return true;
    return false;
  }
}
