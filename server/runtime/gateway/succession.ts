import { readFileSync } from "node:fs";
import type { Server } from "node:http";
import { setTimeout as wait } from "node:timers/promises";
import koffi from "koffi";
import { z } from "zod";

const SOL_SOCKET = 1;
const SO_ATTACH_REUSEPORT_CBPF = 51;
const BPF_RET_K = 0x06;
const INSTRUCTION_BYTES = 8;
/** A handshake that was begun with this socket ends with it; those take a round trip, and rarely a retransmission (1 s). */
const HANDSHAKE_MS_MAX = 1_200;
const TCP_LISTEN = "0A";

/**
 * A second runtime may listen on the same port (SO_REUSEPORT), to take over. Closing a socket then would break the
 * connections that the kernel has already put into its queue. So a thread that ends first has the kernel give new
 * connections to the successor's sockets, accepts what is in its own queue, and only then closes. Without a successor
 * this does nothing.
 *
 * The kernel numbers the sockets of a port in the order in which they came; ours, which came first, are 0 to N - 1
 * (`socket(7)`, SO_ATTACH_REUSEPORT_CBPF). A number that no socket has makes it choose by itself.
 */
export async function steerToSuccessor(
  server: Server,
  { port, threads }: { port: number; threads: number },
): Promise<void> {
  if (countListeners(port) <= threads) return;
  const libc = koffi.load("libc.so.6");
  const program = koffi.struct({ length: "uint16_t", filter: "void *" });
  const setsockopt = libc.func("setsockopt", "int", ["int", "int", "int", koffi.pointer(program), "uint32_t"]);
  const { fd } = z.object({ fd: z.number() }).parse(handleOf(server));
  const filter = Buffer.alloc(INSTRUCTION_BYTES);
  filter.writeUInt16LE(BPF_RET_K, 0);
  filter.writeUInt32LE(threads, 4);
  setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, { length: 1, filter }, koffi.sizeof(program));
  await wait(HANDSHAKE_MS_MAX);
}

/** Node has no public way to a server's descriptor. */
function handleOf(server: Server): unknown {
  return "_handle" in server ? server._handle : undefined;
}

function countListeners(port: number): number {
  const local = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return ["/proc/self/net/tcp", "/proc/self/net/tcp6"]
    .flatMap((path) => readFileSync(path, "utf8").split("\n"))
    .map((line) => line.trim().split(/\s+/))
    .filter(([, address, , state]) => address?.endsWith(local) && state === TCP_LISTEN).length;
}
