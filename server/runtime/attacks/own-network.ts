import { createSocket, type Socket } from "node:dgram";
import { getServers } from "node:dns";
import { once } from "node:events";
import { isIP } from "node:net";
import koffi from "koffi";

/**
 * Attacks name addresses that are not this machine's: of metadata services, of private networks, of mail servers. They
 * are tried only in a network of the test's own, which has a loopback and nothing else, and whose loopback has those
 * addresses: if a wall fell, the attack would meet a listener of ours, and no packet could leave the machine.
 */
const libc = koffi.load("libc.so.6");
const unshare = libc.func("int unshare(int flags)");
const openSocket = libc.func("int socket(int domain, int type, int protocol)");
const close = libc.func("int close(int fd)");
const ioctl = libc.func("int ioctl(int fd, unsigned long request, void *argument)");

const CLONE_NEWNET = 0x4000_0000;
const [AF_INET, AF_INET6, SOCK_DGRAM] = [2, 10, 2];
const [SIOCSIFFLAGS, SIOCSIFADDR] = [0x8914, 0x8916];
const IFF_UP = 1;
const LOOPBACK_INDEX = 1;
const NAME_BYTES = 16;
const IFREQ_BYTES = 40;

/** Moves this process, and those it starts from now on, into such a network. False where only root may, and we are not. */
export function enterOwnNetwork(addresses: readonly string[]): boolean {
  if (process.getuid?.() !== 0 || unshare(CLONE_NEWNET) !== 0) return false;
  const up = ifreq("lo");
  up.writeInt16LE(IFF_UP, NAME_BYTES);
  configure(AF_INET, SIOCSIFFLAGS, up);
  let alias = 0;
  for (const address of addresses) {
    if (isIP(address) === 4) addVersion4(`lo:${(alias += 1)}`, address);
    else addVersion6(address);
  }
  return true;
}

function addVersion4(label: string, address: string): void {
  const request = ifreq(label);
  request.writeUInt16LE(AF_INET, NAME_BYTES);
  request.set(address.split(".").map(Number), NAME_BYTES + 4);
  configure(AF_INET, SIOCSIFADDR, request);
}

/** Where the kernel has no IPv6, there is nothing to reach by it either. */
function addVersion6(address: string): void {
  const request = Buffer.alloc(24); // struct in6_ifreq: address, prefix, index
  const [head = "", tail = ""] = address.split("::");
  const words = (text: string): number[] =>
    text
      .split(":")
      .filter(Boolean)
      .map((word) => Number.parseInt(word, 16));
  const [before, after] = [words(head), words(tail)];
  const all = [...before, ...Array.from({ length: 8 - before.length - after.length }, () => 0), ...after];
  all.forEach((word, at) => request.writeUInt16BE(word, at * 2));
  request.writeUInt32LE(128, 16);
  request.writeInt32LE(LOOPBACK_INDEX, 20);
  const fd = openSocket(AF_INET6, SOCK_DGRAM, 0);
  if (fd < 0) return;
  ioctl(fd, SIOCSIFADDR, request);
  close(fd);
}

function ifreq(name: string): Buffer {
  const request = Buffer.alloc(IFREQ_BYTES);
  request.write(name, "ascii");
  return request;
}

function configure(domain: number, code: number, request: Buffer): void {
  const fd = openSocket(domain, SOCK_DGRAM, 0);
  const answer = ioctl(fd, code, request);
  close(fd);
  if (answer !== 0) throw new Error("the test's own network could not be set up");
}

/** Addresses of the name servers that the machine asks, to be answered for in the network of the test's own. */
export function nameServerAddresses(): string[] {
  return getServers().filter((address) => isIP(address) !== 0 && address !== "127.0.0.1");
}

const [TYPE_A, TYPE_AAAA] = [1, 28];

/** A name server that says of each name what it is told to, with no time to live; `asked` counts its questions. */
export async function hostileNameServer(
  zone: Readonly<Record<string, readonly string[]>>,
): Promise<{ asked: string[]; close(): void }> {
  const asked: string[] = [];
  const sockets: Socket[] = [];
  for (const address of getServers().filter((server) => isIP(server) !== 0)) {
    const socket = createSocket(isIP(address) === 4 ? "udp4" : "udp6");
    socket.on("message", (query, from) => {
      const { name, type, end } = questionOf(query);
      asked.push(`${name} ${type}`);
      const found = (zone[name] ?? []).filter((one) => isIP(one) === (type === TYPE_A ? 4 : 6));
      if (type === TYPE_A || type === TYPE_AAAA)
        socket.send(answerTo(query.subarray(0, end), found), from.port, from.address);
    });
    socket.bind(53, address);
    await once(socket, "listening");
    sockets.push(socket);
  }
  return { asked, close: () => sockets.forEach((socket) => socket.close()) };
}

function questionOf(query: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString("latin1", at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join(".").toLowerCase(), type: query.readUInt16BE(at + 1), end: at + 5 };
}

function answerTo(question: Buffer, addresses: readonly string[]): Buffer {
  const head = Buffer.from(question);
  head.writeUInt16BE(0x8180, 2); // an answer, recursion available
  head.writeUInt16BE(addresses.length, 6);
  head.writeUInt32BE(0, 8);
  const records = addresses.map((address) => {
    const data =
      isIP(address) === 4 ? Buffer.from(address.split(".").map(Number)) : Buffer.from([...Array(15).fill(0), 1]);
    const record = Buffer.alloc(12);
    record.writeUInt16BE(0xc00c, 0); // the name asked for
    record.writeUInt16BE(isIP(address) === 4 ? TYPE_A : TYPE_AAAA, 2);
    record.writeUInt16BE(1, 4);
    record.writeUInt16BE(data.length, 10);
    return Buffer.concat([record, data]);
  });
  return Buffer.concat([head, ...records]);
}
