import type { IncomingMessage } from "node:http";
import type { Fault } from "#server/std/fault.ts";
import type { Hold } from "./held-bytes.ts";

/** What is too large is read to its end all the same, and dropped, as the sender hears no answer before; up to here. */
const DROPPED_BYTES_MAX = 256 * 1024 * 1024;

/** A whole body, whose bytes count as held. Past its bound, the fault that `tooLarge` makes of its length. */
export async function readBody(
  req: IncomingMessage,
  hold: Hold,
  { bytesMax, tooLarge }: { bytesMax: number; tooLarge: (length: number) => Fault },
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  let refusal: unknown;
  for await (const chunk of req as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > DROPPED_BYTES_MAX) req.destroy();
    if (refusal) continue;
    try {
      if (length > bytesMax) throw tooLarge(length);
      hold.add(chunk.length);
      chunks.push(chunk);
    } catch (error) {
      refusal = error;
      chunks.length = 0;
      hold.release();
    }
  }
  if (length > bytesMax) throw tooLarge(length);
  if (refusal) throw refusal;
  return Buffer.concat(chunks);
}
