import { createHash, randomBytes } from "node:crypto";
import { connect } from "node:net";
import { Readable } from "node:stream";
import { afterAll, beforeAll, expect, test } from "vitest";
import WebSocket from "ws";
import {
  callFunction,
  eventually,
  testRuntime,
  type DeployedFunction,
  type TestRuntime,
} from "#server/runtime/test-runtime.ts";

const bundle = `
export default {
  async fetch(request) {
    const url = new URL(request.url);
    if (request.headers.get("upgrade") === "websocket") {
      const [client, server] = Object.values(new WebSocketPair());
      server.binaryType = "arraybuffer";
      server.accept();
      server.addEventListener("message", (event) => server.send(event.data));
      return new Response(null, { status: 101, webSocket: client });
    }
    switch (url.pathname) {
      case "/echo": return new Response(request.body, { headers: { "x-method": request.method } });
      case "/headers": return Response.json([...request.headers]);
      case "/cookies": { const headers = new Headers(); headers.append("set-cookie", "a=1"); headers.append("set-cookie", "b=2"); return new Response("", { headers }); }
      case "/status": return new Response(null, { status: Number(url.searchParams.get("code")), headers: { location: "/elsewhere" } });
      case "/stream": return new Response(new ReadableStream({ async start(controller) { for (const part of ["one", "two", "three"]) { controller.enqueue(new TextEncoder().encode(part)); await scheduler.wait(60); } controller.close(); } }));
      case "/throw": throw new Error("on purpose");
      case "/reject": return Promise.reject("a text");
      case "/nothing": return undefined;
      case "/header": return new Response("x", { headers: { "x-bad": "a\\nb" } });
      case "/exit": process.exit(3);
      case "/never": return new Promise(() => {});
      case "/slow": await scheduler.wait(60_000); return new Response("late");
      case "/half": return new Response(new ReadableStream({ async start(controller) { controller.enqueue(new TextEncoder().encode("half")); await scheduler.wait(30); controller.error(new Error("broke")); } }));
      case "/loop": for (;;);
      case "/buffers": { const kept = []; for (;;) { kept.push(new Uint8Array(4e6).fill(1)); await scheduler.wait(1); } }
      case "/objects": { const kept = []; for (;;) kept.push({ n: Math.random(), text: "x".repeat(100) + Math.random() }); }
      default: return new Response("hello from " + url.pathname + url.search);
    }
  },
};`;

let runtime: TestRuntime;
let hello: DeployedFunction;

beforeAll(async () => {
  runtime = await testRuntime();
  hello = await runtime.deploy("hello", bundle, { wallMsMax: 4_000, cpuMsMax: 300, requestBodyBytesMax: 2_000_000 });
});

afterAll(async () => {
  await runtime[Symbol.asyncDispose]();
});

const call = (path: string, options: Parameters<typeof callFunction>[2] = {}) =>
  callFunction(runtime, hello.host, { path, ...options });
const code = (text: string): unknown => JSON.parse(text).error.code;

test.each(["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "QUERY"])(
  "method %s passes through, with its body",
  async (method) => {
    const body = method === "GET" ? undefined : "payload";
    const answer = await call("/echo", { method, ...(body === undefined ? {} : { body }) });
    expect([answer.status, answer.headers["x-method"], answer.text]).toEqual([200, method, body ?? ""]);
  },
);

test("a HEAD answer has the headers and no body", async () => {
  const answer = await call("/", { method: "HEAD" });
  expect([answer.status, answer.text, answer.headers["content-length"]]).toEqual([200, "", "12"]);
});

test("binary bodies come back bit for bit, streamed both ways", async () => {
  const bytes = randomBytes(1_500_000);
  const hash = createHash("sha256");
  const { request } = await import("undici");
  const answer = await request(`http://127.0.0.1:${runtime.gatewayPort}/echo`, {
    method: "POST",
    headers: { host: hello.host },
    body: Readable.from([bytes.subarray(0, 700_000), bytes.subarray(700_000)]),
  });
  for await (const chunk of answer.body) hash.update(chunk);
  expect(hash.digest("hex")).toBe(createHash("sha256").update(bytes).digest("hex"));
});

test("what a function streams arrives as it is sent, not at the end", async () => {
  const { request } = await import("undici");
  const answer = await request(`http://127.0.0.1:${runtime.gatewayPort}/stream`, { headers: { host: hello.host } });
  const parts: { text: string; atMs: number }[] = [];
  for await (const chunk of answer.body) parts.push({ text: String(chunk), atMs: performance.now() });
  expect(parts.map((part) => part.text)).toEqual(["one", "two", "three"]);
  expect((parts[2]?.atMs ?? 0) - (parts[0]?.atMs ?? 0)).toBeGreaterThan(60);
});

test("a WebSocket passes text and binary untouched, and is one request in the ledger", async () => {
  const socket = new WebSocket(`ws://127.0.0.1:${runtime.gatewayPort}/ws`, { headers: { host: hello.host } });
  const received: Buffer[] = [];
  await new Promise<void>((resolve, reject) => {
    socket.on("error", reject);
    socket.on("open", () => {
      socket.send("text ünïcode");
      socket.send(randomBytes(70_000));
    });
    socket.on("message", (data: Buffer) => {
      received.push(data);
      if (received.length === 2) socket.close(1000);
    });
    socket.on("close", () => resolve());
  });
  expect([received[0]?.toString(), received[1]?.length]).toEqual(["text ünïcode", 70_000]);
  const row = await eventually(
    () =>
      runtime.database.db.usageEvent.findFirst({ where: { path: "/ws" }, select: { status: true, egressBytes: true } }),
    Boolean,
  );
  expect(row?.status).toBe(101);
  expect(Number(row?.egressBytes)).toBeGreaterThan(70_000);
});

test("hop-by-hop headers stop here, and a caller can't speak as the platform", async () => {
  const answer = await rawAnswer(
    "GET /headers HTTP/1.1\r\nHost: hello--acme.localhost\r\nConnection: close, x-hop\r\nX-Hop: 1\r\nTE: trailers\r\n" +
      "X-Forwarded-For: 6.6.6.6\r\nX-Request-Id: req_forged\r\nX-Sluice-Cf: {}\r\nX-Kept: yes\r\n\r\n",
  );
  const [head = "", body = "[]"] = answer.split("\r\n\r\n");
  const seen = new Map<string, string>(JSON.parse(body));
  expect([...seen.keys()].filter((name) => ["x-hop", "te", "x-sluice-cf", "x-sluice-proto"].includes(name))).toEqual(
    [],
  );
  expect([seen.get("x-kept"), seen.get("x-forwarded-for")]).toEqual(["yes", "127.0.0.1"]);
  expect(head).toContain(`x-request-id: ${seen.get("x-request-id")}`);
});

test("several Set-Cookie stay several; on the shared origin none is set and the page is sandboxed", async () => {
  expect((await call("/cookies")).headers["set-cookie"]).toEqual(["a=1", "b=2"]);
  const shared = await callFunction(runtime, "127.0.0.1", {
    path: "/@acme/hello/cookies",
    headers: { cookie: "secret=1" },
  });
  expect([
    shared.status,
    shared.headers["set-cookie"],
    String(shared.headers["content-security-policy"]).startsWith("sandbox"),
  ]).toEqual([200, undefined, true]);
  const headers = await callFunction(runtime, "127.0.0.1", {
    path: "/@acme/hello/headers",
    headers: { cookie: "secret=1" },
  });
  expect(headers.text).not.toContain("secret");
});

test.each([204, 301, 304, 404, 418, 500, 503])("status %i is the function's own and passes", async (status) => {
  expect((await call(`/status?code=${status}`)).status).toBe(status);
});

test.each([
  ["/throw", 500, "function_threw"],
  ["/reject", 500, "function_threw"],
  ["/nothing", 500, "function_threw"],
  ["/header", 500, "function_threw"],
  ["/never", 500, "function_threw"],
  ["/slow", 504, "time_limit"],
  ["/loop", 502, "cpu_limit"],
])("%s is answered with %i %s", async (path, status, wanted) => {
  const answer = await call(path);
  expect([answer.status, code(answer.text)]).toEqual([status, wanted]);
  expect(answer.text).not.toMatch(/sluice-entry|\/work|\/tmp|node_modules/);
  expect((await call("/")).status).toBe(200);
});

test("a function that fills buffers without end is ended for its memory, and the next call is served", async () => {
  const { host } = await runtime.deploy("hungry", bundle, { wallMsMax: 20_000, cpuMsMax: 20_000 });
  const answer = await callFunction(runtime, host, { path: "/buffers" });
  expect([answer.status, code(answer.text)]).toEqual([502, "memory_limit"]);
  expect((await callFunction(runtime, host)).status).toBe(200);
});

test("a function that allocates objects without end is ended, and the next call is served", async () => {
  const answer = await call("/objects");
  expect([answer.status, ["memory_limit", "cpu_limit"].includes(String(code(answer.text)))]).toEqual([502, true]);
  expect((await call("/")).status).toBe(200);
});

test("a function that exits harms no other request", async () => {
  const answer = await call("/exit");
  expect(answer.status).toBeGreaterThanOrEqual(500);
  expect((await call("/")).status).toBe(200);
});

test("a stream that dies half-way is cut, so that the caller can tell", async () => {
  await expect(call("/half")).rejects.toThrow();
  const row = await eventually(
    () => runtime.database.db.usageEvent.findFirst({ where: { path: "/half" }, select: { outcome: true } }),
    Boolean,
  );
  expect(row?.outcome).toBe("aborted");
});

test("a body over the limit is refused, whether its length is declared or not", async () => {
  const declared = await call("/echo", { method: "POST", body: Buffer.alloc(2_000_001) });
  expect([declared.status, code(declared.text)]).toEqual([413, "body_too_large"]);
  const streamed = await call("/echo", {
    method: "POST",
    body: Readable.from(Array.from({ length: 40 }, () => Buffer.alloc(100_000))),
  }).catch((error: unknown) => error);
  // By then the function may have begun its answer, and only a cut connection can say that it is not whole.
  if (!(streamed instanceof Error)) expect(streamed).toMatchObject({ status: 413 });
  expect((await call("/")).status).toBe(200);
});

test("a function may answer without reading the body, and the connection goes on", async () => {
  const answer = await call("/", { method: "POST", body: Buffer.alloc(1_500_000) });
  expect([answer.status, answer.text]).toEqual([200, "hello from /"]);
  expect((await call("/")).status).toBe(200);
});

test.each([
  ["nothing--acme.localhost", "/"],
  ["hello--nobody.localhost", "/"],
  ["a-b.localhost", "/"],
  ["--.localhost", "/"],
  ["%ff--acme.localhost", "/"],
  ["127.0.0.1", "/@acme/nothing/"],
  ["127.0.0.1", "/@acme/%F0%28/"],
])("unknown: %s%s is 404 function_not_found with a request id", async (host, path) => {
  const answer = await callFunction(runtime, host, { path });
  expect([answer.status, code(answer.text), String(answer.headers["x-request-id"]).startsWith("req_")]).toEqual([
    404,
    "function_not_found",
    true,
  ]);
});

test("the whole URL as target names the function, whatever Host says", async () => {
  const asked = (target: string, host: string) =>
    rawAnswer(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  expect(await asked("http://hello--acme.localhost/whole?a=1", "elsewhere.localhost")).toContain(
    "hello from /whole?a=1",
  );
  expect(await asked("http://nobody--acme.localhost/", "hello--acme.localhost")).toContain("function_not_found");
  expect(await asked("*", "hello--acme.localhost")).toMatch(/^HTTP\/1\.1 400 /);
});

test("under the console's host name no function is served, as cookies know no ports", async () => {
  const answer = await callFunction(runtime, "localhost", { path: "/@acme/hello/" });
  expect([answer.status, code(answer.text)]).toEqual([404, "function_not_found"]);
});

test("callers who hang up at every moment end nothing but their own call", async () => {
  const { host } = await runtime.deploy("cold", bundle);
  const starts = [
    `OPTIONS * HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 5\r\n\r\n`,
    `POST /echo HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 500000\r\n\r\nabc`,
    `GET /ws HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
  ];
  for (const text of starts) {
    for (const waitMs of [0, 1, 5, 20]) await hangUp(text, waitMs);
  }
  expect((await callFunction(runtime, host)).status).toBe(200);
  const metrics = await eventually(
    () => runtime.metrics(),
    (text) => text.includes("sluice_requests_in_flight 0"),
  );
  expect(metrics).toContain("sluice_requests_in_flight 0\n");
});

test("two lengths, or a length beside chunks, are refused before anything reaches a function", async () => {
  const smuggled =
    "POST /echo HTTP/1.1\r\nHost: hello--acme.localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /";
  const twice =
    "POST /echo HTTP/1.1\r\nHost: hello--acme.localhost\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde";
  for (const text of [smuggled, twice]) expect(await rawAnswer(text)).toMatch(/^HTTP\/1\.1 400 /);
});

test("what a request prints is kept under its id, with the stack of the tenant's own code only", async () => {
  const answer = await call("/throw");
  const line = await eventually(
    () =>
      runtime.database.db.logLine.findFirst({
        where: { requestId: String(answer.headers["x-request-id"]) },
        select: { message: true, level: true },
      }),
    Boolean,
  );
  expect(line?.level).toBe("error");
  expect(line?.message).toContain("on purpose");
  expect(line?.message).not.toContain("sluice-entry");
});

test("a new deployment serves at once, and an answer that was under way is not broken off", async () => {
  const { host } = await runtime.deploy(
    "swap",
    `export default { async fetch() { await scheduler.wait(400); return new Response("old"); } };`,
  );
  const slow = callFunction(runtime, host);
  await eventually(
    () => runtime.metrics(),
    (metrics) => metrics.includes("sluice_requests_in_flight 1"),
  );
  await runtime.deploy("swap", `export default { fetch: () => new Response("new") };`);
  expect((await callFunction(runtime, host)).text).toBe("new");
  expect((await slow).text).toBe("old");
});

test.each([
  [`export default { fetch() { return new Response("ok") } };`, { kind: "ready" }],
  [`export default {\n  fetch() { return new Response("ok"  } };`, { kind: "failed", position: { line: 2 } }],
  [
    `const a = 1;\nthrow new Error("at the top");\nexport default {};`,
    { kind: "failed", message: "Error: at the top", position: { line: 2 } },
  ],
  [`import "nope";\nexport default {};`, { kind: "failed" }],
])("preparing a version tells whether it starts, and where not: %#", async (source, wanted) => {
  expect(await runtime.prepare(source)).toMatchObject(wanted);
});

function hangUp(text: string, afterMs: number): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(runtime.gatewayPort, "127.0.0.1", () => {
      socket.write(text);
      setTimeout(() => socket.destroy(), afterMs);
    });
    socket.on("error", () => undefined);
    socket.on("close", () => resolve());
  });
}

function rawAnswer(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(runtime.gatewayPort, "127.0.0.1", () => socket.write(text));
    let answer = "";
    socket.on("data", (chunk: Buffer) => (answer += chunk.toString()));
    socket.on("end", () => resolve(answer));
    socket.on("error", reject);
    socket.setTimeout(5_000, () => socket.destroy(new Error("no answer")));
  });
}
