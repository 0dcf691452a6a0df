/** A close frame from a server, unmasked: status 1001, "going away" (RFC 6455, 5.5.1 and 7.4.1). */
export const GOING_AWAY_FRAME = Buffer.from([0x88, 0x02, 0x03, 0xe9]);

const LENGTH_16 = 126;
const LENGTH_64 = 127;

/**
 * Follows the frames of one direction of a WebSocket (RFC 6455, 5.2) without reading them, to know when a frame of ours
 * may be put between two. What is no frame only makes it never be between two.
 */
export class FrameBoundary {
  /** What is known of the header that is being read. */
  #header: number[] = [];
  #payloadLeft = 0n;
  #waiting: (() => void) | undefined;

  /** These bytes go to the other side now. */
  pass(bytes: Buffer): void {
    for (let at = 0; at < bytes.length;) {
      if (this.#payloadLeft > 0n) {
        const left = BigInt(bytes.length - at);
        const taken = left < this.#payloadLeft ? left : this.#payloadLeft;
        this.#payloadLeft -= taken;
        at += Number(taken);
      } else {
        this.#header.push(bytes[at]!);
        at += 1;
        const length = payloadLength(this.#header);
        if (length === undefined) continue;
        this.#header = [];
        this.#payloadLeft = length;
      }
    }
    // Whoever passed them writes them first.
    if (this.#waiting && this.#isBetween) queueMicrotask(this.#waiting);
  }

  /** Calls back once, at once or after the bytes that end a frame. */
  whenBetweenFrames(callBack: () => void): void {
    if (this.#isBetween) return callBack();
    this.#waiting = () => {
      if (!this.#isBetween) return;
      this.#waiting = undefined;
      callBack();
    };
  }

  get #isBetween(): boolean {
    return this.#payloadLeft === 0n && this.#header.length === 0;
  }
}

/** Of a whole header, mask included; undefined while it isn't whole. */
function payloadLength(header: readonly number[]): bigint | undefined {
  const second = header[1];
  if (second === undefined) return undefined;
  const short = second & 0x7f;
  const lengthBytes = short === LENGTH_64 ? 8 : short === LENGTH_16 ? 2 : 0;
  const maskBytes = second & 0x80 ? 4 : 0;
  if (header.length < 2 + lengthBytes + maskBytes) return undefined;
  if (lengthBytes === 0) return BigInt(short);
  return header.slice(2, 2 + lengthBytes).reduce((length, byte) => length * 256n + BigInt(byte), 0n);
}
