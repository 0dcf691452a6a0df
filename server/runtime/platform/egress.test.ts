import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, request, type IncomingMessage, type ServerResponse } from "node:http";
import { connect, createServer as createTcpServer, type AddressInfo, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createLog } from "#server/std/log.ts";
import { egressServer } from "./egress.ts";
import { EgressBudget, EXCHANGES_MAX } from "./egress-budget.ts";
import type { EgressRules } from "./egress-rules.ts";

let dir: string;
let socketPath: string;
let allowed: Set<string>;
let budget: EgressBudget;
const notices: string[] = [];
const closing: (() => void)[] = [];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "sluice-egress-"));
  socketPath = join(dir, "out");
  allowed = new Set();
  const rules: EgressRules = { allowed, ownAddresses: () => new Set(), resolve: async () => ["127.0.0.1"] };
  const totals = { sentBytes: 0, receivedBytes: 0, exchanges: 0, refused: 0 };
  budget = new EgressBudget(totals);
  configure(1_000);
  notices.length = 0;
  const server = egressServer({ rules, log: createLog("test", "silent"), answerBinding }, budget);
  server.listen(socketPath);
  await once(server, "listening");
  closing.push(() => (server.closeAllConnections(), server.close()));
});

afterEach(async () => {
  for (const close of closing.splice(0)) close();
  await rm(dir, { recursive: true, force: true });
});

/** As the door does it that knows no binding. */
const answerBinding = async (_req: IncomingMessage, res: ServerResponse): Promise<void> =>
  void res.writeHead(403).end("answered by the door of bindings");

/** What the organization's budget lets the instance send. */
let sendableBytes = Number.MAX_SAFE_INTEGER;

/** A call is in flight, and brings so many. */
const calls = { begun: 0, shares: 1 };
function configure(subRequestsMax: number): void {
  calls.begun = 1;
  budget.configure(subRequestsMax, {
    calls,
    notice: (message) => void notices.push(message),
    send: (bytes) => (sendableBytes -= bytes) >= 0,
  });
}

async function loopback(server: Server): Promise<number> {
  const open = new Set<Socket>();
  server.on("connection", (socket) => open.add(socket.on("error", () => undefined)));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  closing.push(() => (open.forEach((socket) => socket.destroy()), server.close()));
  const { port } = server.address() as AddressInfo;
  allowed.add(`127.0.0.1:${port}`);
  return port;
}

/** As workerd does: the whole URL in the request line, over the socket. */
async function proxied(url: string): Promise<{ status: number; text: string }> {
  const req = request({ socketPath, path: url, setHost: false });
  req.end();
  const [res] = (await once(req, "response")) as [IncomingMessage];
  let text = "";
  for await (const chunk of res) text += String(chunk);
  return { status: res.statusCode ?? 0, text };
}

async function raw(head: string): Promise<string> {
  const socket = connect(socketPath);
  socket.write(head);
  let text = "";
  socket.on("data", (chunk: Buffer) => {
    text += chunk.toString();
    if (text.includes("echo")) socket.end();
  });
  socket.on("error", () => undefined);
  await once(socket, "close");
  return text;
}

test("a fetch reaches what is allowed and nothing else on the same machine", async () => {
  const port = await loopback(createServer((_req, res) => res.end("inside")));
  expect(await proxied(`http://127.0.0.1:${port}/`)).toEqual({ status: 200, text: "inside" });
  allowed.clear();
  expect((await proxied(`http://127.0.0.1:${port}/`)).status).toBe(403);
  expect((await proxied(`http://rebound.test:${port}/`)).status).toBe(403); // resolves to loopback
});

test.each([
  "HTTP/1.1 200 \u0001\u0002\r\ncontent-length: 2\r\n\r\nok",
  "HTTP/1.1 200 caf\u00e9\r\ncontent-length: 2\r\n\r\nok",
  "HTTP/1.1 000 zero\r\ncontent-length: 2\r\n\r\nok",
  "HTTP/1.1 099 low\r\ncontent-length: 2\r\n\r\nok",
  "HTTP/1.1 101 Switching Protocols\r\nupgrade: nonsense\r\nconnection: upgrade\r\n\r\n",
  "HTTP/1.1 200 OK\r\nx: a\u0000b\r\n\r\n",
  "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
  "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort",
  `HTTP/1.1 200 OK\r\nx: ${"a".repeat(100_000)}\r\n\r\n`,
  "nonsense\r\n\r\n",
  "",
])("whatever a far server answers, the platform stays up: %#", async (answer) => {
  const port = await loopback(createTcpServer((socket) => socket.on("data", () => socket.end(answer, "latin1"))));
  await proxied(`http://127.0.0.1:${port}/`).catch(() => undefined);
  await raw(`GET http://127.0.0.1:${port}/ HTTP/1.1\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n`);
  const good = await loopback(createServer((_req, res) => res.end("still here")));
  expect((await proxied(`http://127.0.0.1:${good}/`)).text).toBe("still here");
});

test("CONNECT makes a TCP connection to what is allowed, and is refused elsewhere", async () => {
  const port = await loopback(createTcpServer((socket) => socket.pipe(socket)));
  expect(await raw(`CONNECT 127.0.0.1:${port} HTTP/1.1\r\n\r\necho`)).toBe("HTTP/1.1 200 OK\r\n\r\necho");
  for (const authority of [
    "127.0.0.1:1",
    "0x7f.1:1",
    "[::ffff:127.0.0.1]:1",
    "localhost:1",
    "rebound.test:443",
    "169.254.169.254:80",
    "93.184.215.14:25",
  ]) {
    expect([authority, await raw(`CONNECT ${authority} HTTP/1.1\r\n\r\n`)]).toEqual([
      authority,
      expect.stringMatching(/^HTTP\/1\.1 403 /),
    ]);
  }
  expect(await raw(`CONNECT nonsense HTTP/1.1\r\n\r\n`)).toMatch(/^HTTP\/1\.1 400 /);
});

test("a TCP connection whose far end resets is cut, and nothing of ours is put into it", async () => {
  const port = await loopback(createTcpServer((socket) => void setTimeout(() => socket.resetAndDestroy(), 50)));
  expect(await raw(`CONNECT 127.0.0.1:${port} HTTP/1.1\r\n\r\n`)).toMatch(/^HTTP\/1\.1 200 OK\r\n\r\n$/);
});

test("one instance has a bounded number of exchanges at once; the next wait for their turn and then pass", async () => {
  let now = 0;
  let most = 0;
  const port = await loopback(
    createServer((_req, res) => {
      most = Math.max(most, (now += 1));
      setTimeout(() => {
        now -= 1;
        res.end("ok");
      }, 40);
    }),
  );
  const answers = await Promise.all(
    Array.from({ length: EXCHANGES_MAX * 3 }, () => proxied(`http://127.0.0.1:${port}/`)),
  );
  expect(answers.every(({ status }) => status === 200)).toBe(true);
  expect(most).toBeLessThanOrEqual(EXCHANGES_MAX);
});

test("past what its calls bring, a fetch gets 429 with what to do, a connection is refused, and its owner is told", async () => {
  const port = await loopback(createServer((_req, res) => res.end("ok")));
  configure(2);
  const answers = [];
  for (let i = 0; i < 3; i += 1) answers.push(await proxied(`http://127.0.0.1:${port}/`));
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 429]);
  expect(answers[2]?.text).toMatch(/"message":"Subrequest limit: more than 2 .* Settings\."/);
  expect(await raw(`CONNECT 127.0.0.1:${port} HTTP/1.1\r\n\r\n`)).toMatch(/^HTTP\/1\.1 429 /);
  expect(notices).toEqual(Array(2).fill(expect.stringMatching(/^Subrequest limit: .* Settings\.$/)));
  calls.begun = 2;
  expect((await proxied(`http://127.0.0.1:${port}/`)).status).toBe(200);
});
