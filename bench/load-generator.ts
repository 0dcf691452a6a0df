import { connect, type Socket } from "node:net";
import { loadOrder, type LoadReport } from "./load.ts";
import { percentile } from "./percentile.ts";

/**
 * A process of its own that calls one address over kept-alive connections, each with one request at a time. It speaks
 * just enough HTTP to know where an answer ends: on a machine with two cores, what the generator uses is taken from
 * what it measures, so it uses little and says how much.
 */
const HEAD_END = Buffer.from("\r\n\r\n");
const ANSWERS_MAX = 2_000_000;

const order = loadOrder.parse(JSON.parse(process.argv[2] ?? ""));
const request = Buffer.from(`GET ${order.path} HTTP/1.1\r\nhost: ${order.host}\r\n\r\n`);
const latenciesMs = new Float64Array(ANSWERS_MAX);
let answers = 0;
let errors = 0;
let isMeasuring = false;

const sockets = Array.from({ length: order.connections }, () => call());
await wait(order.warmUpMs);
const cpuBefore = process.cpuUsage();
const beganAt = performance.now();
isMeasuring = true;
await wait(order.measureMs);
isMeasuring = false;
const elapsedS = (performance.now() - beganAt) / 1000;
const cpu = process.cpuUsage(cpuBefore);
for (const socket of sockets) socket.destroy();

if (answers === 0)
  throw new Error(`nothing on port ${order.port} answered with 200; ${errors} answers or connections were other`);
const measured = latenciesMs.subarray(0, answers);
const report: LoadReport = {
  answers,
  errors,
  requestsPerS: answers / elapsedS,
  p50Ms: percentile(measured, 50),
  p99Ms: percentile(measured, 99),
  generatorCpuUs: (cpu.user + cpu.system) / answers,
};
console.log(JSON.stringify(report));

/** One connection that asks again as soon as it is answered. */
function call(): Socket {
  const socket = connect({ port: order.port, host: "127.0.0.1", noDelay: true });
  let sentAt = 0;
  let unread: Buffer = Buffer.alloc(0);
  const send = (): void => {
    sentAt = performance.now();
    socket.write(request);
  };
  socket.on("connect", send);
  socket.on("error", () => (errors += 1));
  socket.on("data", (chunk: Buffer) => {
    unread = unread.length === 0 ? chunk : Buffer.concat([unread, chunk]);
    const length = answerLength(unread);
    if (length === undefined || unread.length < length) return;
    if (!isOk(unread)) errors += 1;
    else if (isMeasuring && answers < ANSWERS_MAX) latenciesMs[answers++] = performance.now() - sentAt;
    unread = unread.subarray(length);
    send();
  });
  return socket;
}

/** Bytes of the answer that begins the buffer, or undefined while its head is not whole. */
function answerLength(bytes: Buffer): number | undefined {
  const headEnd = bytes.indexOf(HEAD_END);
  if (headEnd < 0) return undefined;
  const match = /\r\ncontent-length: *(\d+)/i.exec(bytes.toString("latin1", 0, headEnd));
  if (!match) throw new Error("the load generator reads answers with a content-length only");
  return headEnd + HEAD_END.length + Number(match[1]);
}

/** "HTTP/1.1 200": the status begins with the tenth byte. */
function isOk(bytes: Buffer): boolean {
  return bytes[9] === 0x32 && bytes[10] === 0x30 && bytes[11] === 0x30;
}

function wait(timeMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, timeMs));
}
