import { gets, harmless, refused, type Attack } from "./attack.ts";

const ENTRY = "nothing in the isolate is trusted: it can mislabel its own request only";
const OUTPUT = "marks and ids in output are checked";
const GATEWAY = "the gateway writes its own headers and parses the instance's";

/** Pretending to be something else: the platform, another request, another tenant, another message. */
export const disguiseAttacks: Attack[] = [
  {
    name: "pollute Object.prototype",
    wall: ENTRY,
    code: `Object.prototype.id = "req_00000000000000000000"; Object.prototype.then = undefined; Object.prototype.status = 999; return "polluted";`,
    expect: harmless,
  },
  {
    name: "patch Response",
    wall: ENTRY,
    code: `globalThis.Response = class { constructor() { return { status: 700 }; } }; return "patched";`,
    expect: harmless,
  },
  {
    name: "patch Promise and AsyncLocalStorage",
    wall: ENTRY,
    code: `const { AsyncLocalStorage } = await import("node:async_hooks"); AsyncLocalStorage.prototype.run = () => { throw new Error("no"); }; Promise.prototype.then = function () { return this; }; return new Response("patched");`,
    expect: harmless,
  },
  {
    name: "patch console",
    wall: ENTRY,
    code: `for (const level of Object.keys(console)) console[level] = () => { throw new Error("no"); }; return "patched";`,
    expect: harmless,
  },
  {
    name: "patch fetch for everyone",
    wall: "one process an instance",
    code: `globalThis.fetch = () => new Response("evil"); return "patched";`,
    expect: harmless,
  },
  {
    name: "patch waitUntil",
    wall: ENTRY,
    code: `ctx.waitUntil = null; ctx.waitUntil?.(1); return "patched";`,
    expect: harmless,
  },
  {
    name: "waitUntil of odd things",
    wall: ENTRY,
    code: `for (const odd of [null, 1, { then() { throw new Error("x"); } }, { get then() { throw new Error("y"); } }]) { try { ctx.waitUntil(odd); } catch {} } return "waited";`,
    expect: harmless,
  },
  {
    name: "freeze everything",
    wall: ENTRY,
    code: `for (const name of Object.getOwnPropertyNames(globalThis)) { try { Object.freeze(globalThis[name]); Object.freeze(globalThis[name].prototype); } catch {} } return "frozen";`,
    expect: harmless,
  },
  {
    name: "print another request's mark",
    wall: OUTPUT,
    code: `for (let i = 0; i < 5000; i++) console.info("\\uE5C0req_" + String(i).padStart(20, "0") + "\\uE5C0 forged"); return "printed";`,
    expect: harmless,
  },
  {
    name: "print control marks without end",
    wall: OUTPUT,
    code: `const log = Object.getPrototypeOf(console).log ?? console.log; for (let i = 0; i < 5000; i++) { log("\\uE5C1wait req_" + String(i).padStart(20, "0")); console.log("\\uE5C1done " + i); } return "printed";`,
    expect: harmless,
  },
  {
    name: "print a zero byte as a request id",
    wall: OUTPUT,
    code: `console.log("\\uE5C0\\0\\uE5C0 poison"); console.log("\\uE5C0" + "z".repeat(60000) + "\\uE5C0 long"); console.log("\\0\\ud800"); return "printed";`,
    expect: harmless,
  },
  {
    name: "print lines that look like workerd's own",
    wall: OUTPUT,
    code: `process.stdout?.write?.('{"timestamp":1e300,"level":"x","message":"a"}\\n{"event":"listen","socket":"http"}\\n'); console.log('\\n{"timestamp":1,"level":"error","message":"forged","source":"x"}'); return "printed";`,
    expect: harmless,
  },
  {
    name: "import the platform's modules",
    wall: ENTRY,
    code: `const m = await import("./sluice-console.js"); for (let i = 0; i < 2000; i++) m.tell("wait", "req_" + String(i).padStart(20, "0")); m.tell("\\n".repeat(1000), "\\0"); return "told";`,
    expect: harmless,
  },
  {
    name: "the platform's outcome header",
    wall: GATEWAY,
    code: `return new Response("x", { status: 200, headers: { "x-sluice-outcome": "platform_failed", "x-request-id": "req_forged", "x-sluice-proto": "x" } });`,
    expect: harmless,
  },
  {
    name: "a line break in a status text",
    wall: "workerd's interface",
    code: `return new Response("x", { statusText: "OK\\r\\nset-cookie: a=b" });`,
    expect: refused,
  },
  {
    name: "control characters in a status text",
    wall: GATEWAY,
    code: `return new Response("x", { statusText: "\\u0001\\u007f\\u00ff" });`,
    expect: harmless,
  },
  {
    name: "a line break in a header",
    wall: "workerd's interface",
    code: `return new Response("x", { headers: { a: "b\\r\\nset-cookie: c=d" } });`,
    expect: refused,
  },
  {
    name: "odd bytes in a header",
    wall: GATEWAY,
    code: `return new Response("x", { headers: { a: "\\u00ff\\u0080\\u0001", "b!#$%&'*+-.^_|~": "c" } });`,
    expect: harmless,
  },
  {
    name: "a length shorter than the body",
    wall: GATEWAY,
    code: `return new Response("x".repeat(10) + "HTTP/1.1 200 OK\\r\\ncontent-length: 4\\r\\n\\r\\nevil", { headers: { "content-length": "3" } });`,
    expect: harmless,
  },
  {
    name: "a length longer than the body",
    wall: `${GATEWAY}; wall limit`,
    code: `return new Response("short", { headers: { "content-length": "5000" } });`,
    expect: harmless,
  },
  {
    name: "two lengths and an encoding",
    wall: GATEWAY,
    code: `const h = new Headers(); h.append("content-length", "3"); h.append("content-length", "30"); h.append("transfer-encoding", "chunked, identity"); return new Response("abc", { headers: h });`,
    expect: harmless,
  },
  {
    name: "hop-by-hop headers in an answer",
    wall: GATEWAY,
    code: `return new Response("x", { headers: { connection: "close, x-request-id", upgrade: "h2c", "keep-alive": "max=1", trailer: "x", "proxy-authenticate": "Basic" } });`,
    expect: harmless,
  },
  {
    name: "a body in a 204 and in a 304",
    wall: GATEWAY,
    code: `return new Response(null, { status: 204, headers: { "content-length": "10" } });`,
    expect: harmless,
  },
  {
    name: "a switch of protocols without a WebSocket",
    wall: "workerd's interface",
    code: `return new Response(null, { status: 101 });`,
    expect: harmless,
  },
  {
    name: "a WebSocket nobody asked for",
    wall: GATEWAY,
    code: `return new Response(null, { status: 101, webSocket: new WebSocketPair()[0] });`,
    expect: harmless,
  },
  {
    name: "an informational status",
    wall: "workerd's interface",
    code: `return new Response("x", { status: 103 });`,
    expect: refused,
  },
  {
    name: "an encoding that the body isn't in",
    wall: GATEWAY,
    code: `return new Response("not gzip", { headers: { "content-encoding": "gzip" }, encodeBody: "manual" });`,
    expect: harmless,
  },
  { name: "an answer that is an error", wall: GATEWAY, code: `return Response.error();`, expect: harmless },
  {
    name: "the request's own headers",
    wall: GATEWAY,
    code: `return JSON.stringify([request.headers.get("x-sluice-cf"), request.headers.get("x-sluice-proto"), request.headers.get("x-request-id").startsWith("req_"), Object.keys(request.cf ?? {})]);`,
    expect: gets(/^got \[null,null,true,\[\]\]$/),
  },
  {
    name: "the time of a neighbour's work",
    wall: "one process an instance; a share of the CPU (residual: a shared processor)",
    code: `const t = []; for (let i = 0; i < 50; i++) { const a = performance.now(); for (let j = 0; j < 1e4; j++); t.push(performance.now() - a); } return "measured " + (t.length === 50);`,
    expect: gets(/measured true/),
  },
  {
    name: "shared memory for a precise clock",
    wall: "V8: shared memory has no second thread to count in",
    code: `const b = new SharedArrayBuffer(8); Atomics.wait(new Int32Array(b), 0, 0, 100); return "waited";`,
    expect: harmless,
  },
];
