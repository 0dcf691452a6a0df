import { Fault } from "#server/std/fault.ts";
import { KEY_BYTES_MAX } from "./bounds.ts";

/** A key as it is stored: UTF-8, so that bytes are ordered as characters are. Faults say what Workers KV says. */
export function keyBytes(key: string): Buffer {
  if (key === "") throw new Fault("invalid", "Key names must not be empty", { field: "key" });
  if (key === "." || key === "..") {
    throw new Fault("invalid", `Illegal key name "${key}". Please use a different name.`, { field: "key" });
  }
  return boundedBytes(key, "key");
}

/** A prefix may be empty, or what no key is. */
export function prefixBytes(prefix: string): Buffer {
  return boundedBytes(prefix, "prefix");
}

function boundedBytes(text: string, field: "key" | "prefix"): Buffer {
  const bytes = Buffer.from(text, "utf8");
  if (bytes.length <= KEY_BYTES_MAX) return bytes;
  const message = `UTF-8 encoded length of ${bytes.length} exceeds key length limit of ${KEY_BYTES_MAX}.`;
  throw new Fault("too_large", message, { field });
}

/** The least bytes that are above all that begin with these: where a listing by prefix ends. UTF-8 has no byte 0xFF. */
export function afterPrefix(prefix: Uint8Array): Buffer {
  const end = Buffer.from(prefix);
  for (let at = end.length - 1; at >= 0; at -= 1) {
    const byte = end[at] ?? 0;
    if (byte === 0xff) continue;
    end[at] = byte + 1;
    return end.subarray(0, at + 1);
  }
  return Buffer.from([0xff]);
}
