import { closeSync } from "node:fs";
import koffi from "koffi";

const libc = koffi.load("libc.so.6");
const socket = libc.func("int socket(int domain, int type, int protocol)");
const bind = libc.func("int bind(int fd, void *address, uint32_t length)");
const listen = libc.func("int listen(int fd, int backlog)");

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2000000;
const PATH_BYTES_MAX = 107; // sun_path holds 108 with its NUL
const BACKLOG = 4096;

/**
 * A listening unix socket as a bare descriptor, to be handed to a child that accepts on it. Node's own server would
 * accept by itself. A caller may connect at once; it waits in the backlog until the child runs, so nothing polls.
 */
export function listenOnSocket(path: string): { fd: number; close(): void } {
  const bytes = Buffer.from(path);
  if (bytes.length > PATH_BYTES_MAX)
    throw new Error(`a unix socket's path has ${PATH_BYTES_MAX} bytes at most: ${path}`);
  const address = Buffer.alloc(2 + PATH_BYTES_MAX + 1);
  address.writeUInt16LE(AF_UNIX, 0);
  bytes.copy(address, 2);
  const fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) throw new Error(`no socket: errno ${koffi.errno()}`);
  if (bind(fd, address, address.length) !== 0 || listen(fd, BACKLOG) !== 0) {
    const errno = koffi.errno();
    closeSync(fd);
    throw new Error(`cannot listen on ${path}: errno ${errno}`);
  }
  return { fd, close: () => closeSync(fd) };
}
