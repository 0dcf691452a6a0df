import { join } from "node:path";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { askNeighbour, NEIGHBOUR_BUNDLE } from "#server/runtime/test-neighbour.ts";
import { callFunction, eventually, testRuntime, type TestRuntime } from "#server/runtime/test-runtime.ts";
import { takeOverInstances, type Behaviour, type HostileInstances } from "./hostile-instance.ts";
import { exchange, rawExchange } from "./raw-http.ts";

/**
 * Between gateway and instance: the instance's process is taken over and writes what it likes, and callers try to get
 * bytes of their own through to it. The wall is the gateway, which reads and writes each message anew.
 */
const EVIL = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\nx-evil: 1\r\n\r\nEVIL";
/** What the function would answer: its path, as do the processes that were taken over when they are not attacking. */
const pathBundle = `export default { fetch: (request) => new Response(new URL(request.url).pathname) };`;
const limits = { wallMsMax: 1_500, cpuMsMax: 1_000, instancesMax: 2 };

let runtime: TestRuntime;
let instances: HostileInstances;
let host: string;
let neighbour: ReturnType<typeof askNeighbour>;
let pid: number;

beforeAll(async () => {
  runtime = await testRuntime({ LOG_LEVEL: "warn", WARM_POOL_SIZE: "2" });
  pid = runtime.pid();
  const beside = await runtime.deploy("neighbour", NEIGHBOUR_BUNDLE, {}, "victim");
  await eventually(
    () => callFunction(runtime, beside.host),
    ({ status }) => status === 200,
  );
  neighbour = askNeighbour(runtime, beside.host);
  ({ host } = await runtime.deploy("taken", pathBundle, limits));
  instances = takeOverInstances(join(runtime.dataDir, "run"), host);
});

afterAll(async () => {
  const { wrong, asked } = await neighbour.stop();
  instances.stop();
  const isStillItself = runtime.pid() === pid && !/uncaught|unhandled/i.test(runtime.said());
  await runtime[Symbol.asyncDispose]();
  expect(wrong).toEqual([]);
  expect(asked).toBeGreaterThan(20);
  expect(isStillItself).toBe(true);
});

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
const own = (request: string): string => {
  const path = /^\w+ (\S+)/.exec(request)?.[1] ?? "?";
  return `HTTP/1.1 200 OK\r\ncontent-length: ${path.length}\r\n\r\n${path}`;
};
/** Answers /attack as told, and everything else with its own path. */
const attackWith =
  (attack: (socket: Socket) => void): Behaviour =>
  (request, socket) => {
    if (request.includes(" /attack ")) attack(socket);
    else socket.write(own(request));
  };
const bytes = (text: string) => (socket: Socket) => void socket.write(text, "latin1");

const REACH_MS_MAX = 10_000;
const TRY_AGAIN_MS = 10;

/** Tries again where the process that was asked had just started, and was not taken over yet. */
async function reaching<Got>(
  send: () => Promise<Got>,
  hasReached = () => instances.received().length > 0,
): Promise<Got> {
  for (const deadline = Date.now() + REACH_MS_MAX; ;) {
    const got = await send();
    if (hasReached() || Date.now() > deadline) return got;
    await sleep(TRY_AGAIN_MS);
  }
}

const answers: [name: string, attack: (socket: Socket) => void][] = [
  ["two lengths", bytes(`HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 40\r\n\r\nab${EVIL}`)],
  ["two lengths in one line", bytes(`HTTP/1.1 200 OK\r\ncontent-length: 2, 40\r\n\r\nab${EVIL}`)],
  [
    "a length and chunks",
    bytes(`HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n${EVIL}`),
  ],
  [
    "an unknown encoding",
    bytes(`HTTP/1.1 200 OK\r\ntransfer-encoding: xchunked\r\ncontent-length: 2\r\n\r\nab${EVIL}`),
  ],
  ["chunked twice", bytes(`HTTP/1.1 200 OK\r\ntransfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n${EVIL}`)],
  ["a negative length", bytes(`HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n${EVIL}`)],
  ["a length with a sign", bytes(`HTTP/1.1 200 OK\r\ncontent-length: +2\r\n\r\nab${EVIL}`)],
  ["a length in hexadecimal", bytes(`HTTP/1.1 200 OK\r\ncontent-length: 0x2\r\n\r\nab${EVIL}`)],
  ["a length past 2^64", bytes(`HTTP/1.1 200 OK\r\ncontent-length: 18446744073709551618\r\n\r\nab${EVIL}`)],
  ["a folded header", bytes(`HTTP/1.1 200 OK\r\na: b\r\n content-length: 0\r\ncontent-length: 2\r\n\r\nab`)],
  ["a bare line feed in the head", bytes(`HTTP/1.1 200 OK\na: b\nx-evil: 1\ncontent-length: 2\n\nab`)],
  ["a carriage return in a value", bytes(`HTTP/1.1 200 OK\r\na: b\rx-evil: 1\r\ncontent-length: 2\r\n\r\nab`)],
  ["a zero byte in a value", bytes(`HTTP/1.1 200 OK\r\na: b\0c\r\ncontent-length: 2\r\n\r\nab`)],
  ["a blank before the colon", bytes(`HTTP/1.1 200 OK\r\ncontent-length : 40\r\ncontent-length: 2\r\n\r\nab${EVIL}`)],
  ["control characters in the status text", bytes(`HTTP/1.1 200 O\x01\x7fK\r\ncontent-length: 2\r\n\r\nab`)],
  ["a status of none", bytes(`HTTP/1.1 000 No\r\ncontent-length: 2\r\n\r\nab`)],
  ["a status of four digits", bytes(`HTTP/1.1 2000 OK\r\ncontent-length: 2\r\n\r\nab`)],
  ["a status of 999", bytes(`HTTP/1.1 999 What\r\ncontent-length: 2\r\n\r\nab`)],
  ["HTTP/0.9", (socket) => void socket.end("just text")],
  ["the preface of HTTP/2", bytes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")],
  ["another version", bytes(`HTTP/3.7 200 OK\r\ncontent-length: 2\r\n\r\nab`)],
  ["a chunk of absurd size", bytes(`HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff1\r\nab`)],
  ["a chunk of no number", bytes(`HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nab\r\n0\r\n\r\n`)],
  ["a chunk longer than it says", bytes(`HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nabcd\r\n0\r\n\r\n`)],
  [
    "a chunk whose extension hides another",
    bytes(`HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2;x="\n0\n"\r\nab\r\n0\r\n\r\n${EVIL}`),
  ],
  [
    "trailers that would be headers",
    bytes(
      `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\ncontent-length: 40\r\nx-request-id: req_forged\r\nx-evil: 1\r\n\r\n`,
    ),
  ],
  ["two answers in one write", bytes(`HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nab${EVIL}`)],
  ["a body in a 204", bytes(`HTTP/1.1 204 No Content\r\ncontent-length: 40\r\n\r\n${EVIL}`)],
  ["a body in a 304", bytes(`HTTP/1.1 304 Not Modified\r\n\r\n${EVIL}`)],
  [
    "a switch of protocols that nobody asked for",
    bytes(`HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n${EVIL}`),
  ],
  [
    "ten thousand early hints",
    bytes(
      `${"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\nx-evil: 1\r\n\r\n".repeat(10_000)}HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nab`,
    ),
  ],
  ["headers of a megabyte", bytes(`HTTP/1.1 200 OK\r\na: ${"b".repeat(1_000_000)}\r\ncontent-length: 2\r\n\r\nab`)],
  ["ten thousand headers", bytes(`HTTP/1.1 200 OK\r\n${"a: b\r\n".repeat(10_000)}content-length: 2\r\n\r\nab`)],
  [
    "a length longer than the body, and the end",
    (socket) => void socket.end("HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\nab"),
  ],
  ["the end before anything", (socket) => void socket.end()],
  ["a connection that breaks", (socket) => void socket.destroy()],
  [
    "a compressed body that is none, twice over",
    bytes(`HTTP/1.1 200 OK\r\ncontent-encoding: gzip, br\r\ncontent-length: 2\r\n\r\nab`),
  ],
  [
    "the platform's own headers",
    bytes(
      `HTTP/1.1 200 OK\r\nx-request-id: req_forged\r\nx-sluice-outcome: platform_failed\r\nconnection: x-request-id\r\ncontent-length: 2\r\n\r\nab`,
    ),
  ],
];

test.each(answers)("an instance that answers with %s spoils its own answer only", async (_name, attack) => {
  instances.behave(attackWith(attack));
  const [first, second] = await reaching(() => exchange(runtime.gatewayPort, [get("/attack"), get("/second")]));
  expect(first?.headers.get("x-request-id") ?? "req_").toMatch(/^req_/);
  expect(first?.headers.get("x-request-id")).not.toBe("req_forged");
  expect([first?.headers.get("x-evil"), first?.headers.get("x-sluice-outcome")]).toEqual([undefined, undefined]);
  if (second) expect([second.status, second.body]).toEqual([200, "/second"]);
  expect(instances.received()).not.toEqual([]);
  // Whoever comes next on another connection gets what is its own, whatever was left on the way to the instance.
  const third = await exchange(runtime.gatewayPort, [get("/third")]);
  expect(third.map(({ status, body }) => [status, body])).toEqual([[200, "/third"]]);
});

test.each([
  ["early hints", "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n", 504, "time_limit"],
  ["continue", "HTTP/1.1 100 Continue\r\n\r\n", 502, "function_crashed"], // not waited for, and so not understood
  ["bytes of a header", "a", 504, "time_limit"],
])(
  "an instance that sends %s without end is cut, by the wall limit at the latest",
  async (_what, text, status, code) => {
    instances.behave(
      attackWith((socket) => {
        if (text === "a") socket.write("HTTP/1.1 200 OK\r\nx: ");
        const timer = setInterval(() => socket.write(text), 2);
        socket.on("close", () => clearInterval(timer));
      }),
    );
    const [answer] = await reaching(() => exchange(runtime.gatewayPort, [get("/attack")], 10_000));
    expect([answer?.status, answer?.body]).toEqual([status, expect.stringContaining(code)]);
  },
);

test("an instance that speaks before it is asked, and after it has answered, answers nobody with it", async () => {
  instances.behave((request, socket) => {
    socket.write(own(request));
    setTimeout(() => socket.write(EVIL), 20);
  });
  for (let i = 0; i < 10; i += 1) {
    const [answer] = await exchange(runtime.gatewayPort, [get(`/turn-${i}`)]);
    expect([answer?.status, answer?.body]).toEqual([200, `/turn-${i}`]);
    await sleep(40); // what comes unasked arrives while nothing is asked
  }
});

test("an instance that answers before it has read the request gets the next one only after the whole of the first", async () => {
  instances.behave((request, socket) => {
    socket.write(request.startsWith("POST") ? "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nearly" : own(request));
  });
  const body = "x".repeat(200_000);
  const post = `POST /early HTTP/1.1\r\nHost: ${host}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  const [answer] = await reaching(() => exchange(runtime.gatewayPort, [post]));
  expect([answer?.status, answer?.body]).toEqual([200, "early"]);
  const [next] = await exchange(runtime.gatewayPort, [get("/next")]);
  expect([next?.status, next?.body]).toEqual([200, "/next"]);
  expect(instances.received().map((head) => head.slice(0, 10))).toEqual(["POST /earl", "GET /next "]);
});

const WEBSOCKET =
  "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

test.each([
  ["control characters in the status text", `HTTP/1.1 200 O\x01\x7fK\r\ncontent-length: 2\r\n\r\nab`],
  [
    "control characters and a switch of protocols",
    `HTTP/1.1 101 S\x01\x7f\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n`,
  ],
  [
    "a switch to another protocol",
    `HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\nx-request-id: req_forged\r\n\r\n`,
  ],
  ["a refusal and more", `HTTP/1.1 403 No\r\ncontent-length: 2\r\n\r\nab${EVIL}`],
  ["a refusal with two lengths", `HTTP/1.1 403 No\r\ncontent-length: 2\r\ncontent-length: 40\r\n\r\nab${EVIL}`],
  ["headers of a megabyte", `HTTP/1.1 101 S\r\na: ${"b".repeat(1_000_000)}\r\n\r\n`],
  ["no HTTP at all", `\x81\x05hello`],
])("an instance that answers a WebSocket's handshake with %s spoils its own answer only", async (_name, text) => {
  instances.behave(attackWith(bytes(text)));
  const handshake = get("/attack").replace("\r\n\r\n", `\r\n${WEBSOCKET}\r\n`);
  const [first] = await reaching(() => exchange(runtime.gatewayPort, [handshake]));
  expect(first?.headers.get("x-request-id") ?? "req_").toMatch(/^req_(?!forged)/);
  expect([first?.headers.get("x-evil"), first?.body.includes("EVIL") ?? false]).toEqual([undefined, false]);
  const third = await exchange(runtime.gatewayPort, [get("/third")]);
  expect(third.map(({ status, body }) => [status, body])).toEqual([[200, "/third"]]);
});

/** Requests in which a caller hides another one, and what the instance may see of them. */
const requests: [name: string, request: string][] = [
  [
    "chunks with extensions",
    `POST /one HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\n3;a="b"\r\nabc\r\n0;x\r\n\r\n`,
  ],
  [
    "trailers",
    `POST /one HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\nTrailer: content-length\r\n\r\n3\r\nabc\r\n0\r\nContent-Length: 400\r\nX-Request-Id: req_forged\r\n\r\n`,
  ],
  [
    "a body that looks like a request",
    `POST /one HTTP/1.1\r\nHost: HOST\r\nContent-Length: 30\r\n\r\nGET /evil HTTP/1.1\r\nHost: x\r\n\r\n`.slice(0, -1),
  ],
  [
    "a chunk that looks like a request",
    `POST /one HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\n1a\r\nGET /evil HTTP/1.1\r\na: b\r\n\r\n0\r\n\r\n`,
  ],
  [
    "a line break in the path, encoded",
    `GET /one%0d%0aX-Evil:%201%0d%0a%0d%0aGET%20/evil HTTP/1.1\r\nHost: HOST\r\n\r\n`,
  ],
  ["a whole URL as the target", `GET http://HOST/one?x=http://evil/ HTTP/1.1\r\nHost: HOST\r\n\r\n`],
  [
    "the platform's headers",
    `GET /one HTTP/1.1\r\nHost: HOST\r\nX-Request-Id: req_forged\r\nX-Sluice-Proto: https\r\nX-Sluice-Cf: {}\r\nX-Forwarded-For: 10.0.0.1\r\nX-Real-Ip: 10.0.0.1\r\n\r\n`,
  ],
  [
    "headers that Connection names",
    `GET /one HTTP/1.1\r\nHost: HOST\r\nConnection: keep-alive, X-Request-Id, X-Forwarded-For, Content-Length\r\nTE: trailers\r\n\r\n`,
  ],
  [
    "an upgrade to another protocol",
    `GET /one HTTP/1.1\r\nHost: HOST\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n`,
  ],
  ["an expectation", `POST /one HTTP/1.1\r\nHost: HOST\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc`],
  ["a method with a body that has none", `GET /one HTTP/1.1\r\nHost: HOST\r\nContent-Length: 3\r\n\r\nabc`],
  [
    "an encoding with a body in a HEAD",
    `HEAD /one HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`,
  ],
];

let turn = 0;

test.each(requests)(
  "a caller that sends %s gets one request through, written by the gateway",
  async (_name, request) => {
    instances.behave((_request, socket) => void socket.write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"));
    // What an earlier case sent along may arrive now.
    const lines = () =>
      instances
        .received()
        .map((head) => head.trimEnd().split("\r\n"))
        .filter(([first = ""]) => new RegExp(` /\\w+-${turn}[ ?%]`).test(first));
    await reaching(
      () => {
        turn += 1;
        const first = request.replaceAll("HOST", host).replace("/one", `/one-${turn}`);
        return rawExchange(runtime.gatewayPort, first + get(`/two-${turn}`));
      },
      () => lines().length > 0,
    );
    // The second is what the caller sent after it; where Node hangs up or drops what was sent along, there is none.
    const seen = lines()
      .map(([first]) => /^\w+ \/(\w+)/.exec(first ?? "")?.[1] ?? "")
      .toSorted();
    expect(seen).toEqual(seen.length === 1 ? ["one"] : ["one", "two"]);
    for (const [first = "", ...headers] of lines()) {
      expect(first).toMatch(/^(GET|POST|HEAD) \/[!-~]* HTTP\/1\.1$/);
      const named = (name: string) => headers.filter((line) => line.toLowerCase().startsWith(`${name}:`));
      for (const once of ["host", "x-request-id", "x-sluice-proto", "x-sluice-cf", "x-forwarded-for", "x-real-ip"])
        expect([once, named(once).length]).toEqual([once, 1]);
      expect(named("x-request-id")[0]).not.toContain("forged");
      expect(named("x-forwarded-for")[0]).toContain("127.0.0.1");
      expect(
        [
          named("upgrade"),
          named("http2-settings"),
          named("te"),
          named("trailer"),
          named("expect"),
          named("x-evil"),
        ].flat(),
      ).toEqual([]);
      expect(named("content-length").length + named("transfer-encoding").length).toBeLessThanOrEqual(1);
    }
  },
);
