import { connect, type Socket } from "node:net";
import { loadOrder, type Outcome } from "./load.ts";
import { percentile } from "./percentile.ts";

/**
 * A process of its own that calls one address over kept-alive connections, each with one request at a time. It speaks
 * just enough HTTP to know where an answer ends: on a machine with two cores, what the generator uses is taken from
 * what it measures, so it uses little and says how much.
 */
const HEAD_END = Buffer.from("\r\n\r\n");
const LAST_CHUNK = Buffer.from("\r\n0\r\n\r\n");
const ANSWERS_MAX = 2_000_000;
/** A connection that was closed is opened again, and not in a busy loop. */
const RECONNECT_MS = 10;

const order = loadOrder.parse(JSON.parse(process.argv[2] ?? ""));
const request = Buffer.from(`GET ${order.path} HTTP/1.1\r\nhost: ${order.host}\r\n\r\n`);
const latenciesMs = new Float64Array(ANSWERS_MAX);
const failures = new Map<string, number>();
const sockets = new Set<Socket>();
let answers = 0;
let answersInAll = 0;
const phase = { isMeasuring: false, isOver: false };

// The bench ends a load so, and when the bench itself is gone this closes too.
const toldToEnd = new Promise<void>((resolve) => process.stdin.resume().on("end", resolve));

for (let i = 0; i < order.connections; i += 1) open();
await wait(order.warmUpMs);
const cpuBefore = process.cpuUsage();
const beganAt = performance.now();
phase.isMeasuring = true;
await Promise.race([wait(order.measureMs), toldToEnd]);
phase.isMeasuring = false;
phase.isOver = true;
const elapsedS = (performance.now() - beganAt) / 1000;
const cpu = process.cpuUsage(cpuBefore);
for (const socket of sockets) socket.destroy();

const measured = latenciesMs.subarray(0, answers);
const outcome: Outcome = {
  answers,
  answersInAll,
  failures: Object.fromEntries(failures),
  requestsPerS: answers / elapsedS,
  p50Ms: answers === 0 ? null : percentile(measured, 50),
  p99Ms: answers === 0 ? null : percentile(measured, 99),
  generatorCpuUs: answers === 0 ? null : (cpu.user + cpu.system) / answers,
};
process.stdout.write(`${JSON.stringify(outcome)}\n`, () => process.exit(0));

/** One connection that asks again as soon as it is answered. */
function open(): void {
  if (phase.isOver) return;
  const socket = connect({ port: order.port, host: "127.0.0.1", noDelay: true });
  let sentAt: number | undefined;
  let unread: Buffer = Buffer.alloc(0);
  const send = (): void => {
    if (socket.destroyed) return;
    sentAt = performance.now();
    socket.write(request);
  };
  sockets.add(socket);
  socket.on("connect", send);
  socket.on("error", () => undefined); // "close" follows
  socket.on("close", () => {
    sockets.delete(socket);
    if (phase.isOver) return;
    fail(sentAt !== undefined || socket.bytesRead === 0 ? "broken" : "closed");
    setTimeout(open, RECONNECT_MS);
  });
  socket.on("data", (chunk: Buffer) => {
    if (phase.isOver) return;
    unread = unread.length === 0 ? chunk : Buffer.concat([unread, chunk]);
    const length = answerLength(unread);
    if (length === undefined || unread.length < length) return;
    count(unread, performance.now() - (sentAt ?? 0));
    unread = unread.subarray(length);
    sentAt = undefined;
    if (order.pauseMs === 0) send();
    else setTimeout(send, order.pauseMs);
  });
}

function count(answer: Buffer, latencyMs: number): void {
  if (!isOk(answer)) return fail(answer.toString("latin1", 9, 12));
  answersInAll += 1;
  if (phase.isMeasuring && answers < ANSWERS_MAX) latenciesMs[answers++] = latencyMs;
}

function fail(kind: string): void {
  failures.set(kind, (failures.get(kind) ?? 0) + 1);
}

/** Bytes of the answer that begins the buffer, or undefined while that can't be told. */
function answerLength(bytes: Buffer): number | undefined {
  const headEnd = bytes.indexOf(HEAD_END);
  if (headEnd < 0) return undefined;
  const head = bytes.toString("latin1", 0, headEnd);
  const match = /\r\ncontent-length: *(\d+)/i.exec(head);
  if (match) return headEnd + HEAD_END.length + Number(match[1]);
  if (!/\r\ntransfer-encoding: *chunked/i.test(head))
    throw new Error("the load generator reads answers with a declared length, or in chunks");
  // Short texts only: none of ours holds the mark of the last chunk.
  const lastChunk = bytes.indexOf(LAST_CHUNK, headEnd);
  return lastChunk < 0 ? undefined : lastChunk + LAST_CHUNK.length;
}

/** "HTTP/1.1 200": the status begins with the tenth byte. */
function isOk(bytes: Buffer): boolean {
  return bytes[9] === 0x32 && bytes[10] === 0x30 && bytes[11] === 0x30;
}

function wait(timeMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, timeMs));
}
