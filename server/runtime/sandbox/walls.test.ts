import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import WebSocket, { WebSocketServer } from "ws";
import {
  callFunction,
  eventually,
  testRuntime,
  type DeployedFunction,
  type TestRuntime,
} from "#server/runtime/test-runtime.ts";
import { descendants, readProcessWalls } from "./process-walls.ts";

const bundle = `
import { createHash, randomBytes, pbkdf2Sync } from "node:crypto";
import { gzipSync, gunzipSync } from "node:zlib";
export default {
  async fetch(request, env, ctx) {
    const url = new URL(request.url);
    if (request.headers.get("upgrade") === "websocket") {
      const [client, server] = Object.values(new WebSocketPair());
      server.accept();
      server.addEventListener("message", (event) => server.send(event.data));
      return new Response(null, { status: 101, webSocket: client });
    }
    switch (url.pathname) {
      case "/fetch": return fetch(url.searchParams.get("url"));
      case "/ws-out": {
        const { webSocket } = await fetch(url.searchParams.get("url"), { headers: { upgrade: "websocket" } });
        webSocket.accept();
        const answer = new Promise((resolve) => webSocket.addEventListener("message", (event) => resolve(event.data)));
        webSocket.send("there and back");
        return new Response(await answer);
      }
      case "/tcp": {
        const { connect } = await import("cloudflare:sockets");
        const socket = connect(new URL(url.searchParams.get("url")).host);
        await socket.writable.getWriter().write(new TextEncoder().encode("GET / HTTP/1.0\\r\\n\\r\\n"));
        return new Response(socket.readable);
      }
      case "/objects": { const kept = []; for (;;) kept.push({ n: Math.random(), text: "x".repeat(100) + kept.length }); }
      case "/crypto": {
        const pair = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
        const data = new Uint8Array(1000);
        const signature = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, pair.privateKey, data);
        const verified = await crypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, pair.publicKey, signature, data);
        await crypto.subtle.generateKey({ name: "RSASSA-PKCS1-v1_5", modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" }, true, ["sign", "verify"]);
        pbkdf2Sync("a", "b", 1000, 32, "sha256");
        const packed = gunzipSync(gzipSync(randomBytes(60_000)));
        return new Response([verified, packed.length, createHash("sha256").update("a").digest("hex").slice(0, 6)].join(" "));
      }
      case "/timers": {
        const began = Date.now();
        await Promise.all(Array.from({ length: 200 }, (_, i) => new Promise((resolve) => setTimeout(resolve, i % 40))));
        ctx.waitUntil(scheduler.wait(20));
        return new Response(String(Date.now() - began >= 38));
      }
      case "/garbage": { let n = 0; for (let i = 0; i < 300; i++) n += JSON.stringify(Array.from({ length: 2000 }, (_, j) => ({ j, s: "x" + j }))).length; return new Response(String(n > 0)); }
      case "/echo": return new Response(request.body);
      default: return new Response("hello");
    }
  },
};`;

const ownGroups = process.getgroups?.() ?? [];
let runtime: TestRuntime;
let fn: DeployedFunction;
let outside: Server;
let outsidePort: number;

beforeAll(async () => {
  outside = createServer((_req, res) => res.end("from outside"));
  const sockets = new WebSocketServer({ server: outside });
  sockets.on("connection", (socket) =>
    socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary })),
  );
  await new Promise<void>((resolve) => outside.listen(0, "127.0.0.1", resolve));
  outsidePort = (outside.address() as AddressInfo).port;
  runtime = await testRuntime({ EGRESS_ALLOW: `127.0.0.1:${outsidePort}`, WARM_POOL_SIZE: "1" });
  fn = await runtime.deploy("work", bundle);
});

afterAll(async () => {
  await runtime[Symbol.asyncDispose]();
  outside.close();
});

const call = (path: string, options: Parameters<typeof callFunction>[2] = {}) =>
  callFunction(runtime, fn.host, { path, ...options });

test("under the list of allowed system calls a function still fetches, speaks WebSocket both ways, encrypts, waits and collects garbage", async () => {
  const address = encodeURIComponent(`http://127.0.0.1:${outsidePort}/`);
  expect((await call(`/fetch?url=${address}`)).text).toBe("from outside");
  expect((await call(`/ws-out?url=${address}`)).text).toBe("there and back");
  expect((await call(`/tcp?url=${address}`)).text).toMatch(/^HTTP\/1\.1 200 OK[\s\S]*from outside$/);
  expect((await call("/crypto")).text).toBe("true 60000 ca9781");
  expect((await call("/timers")).text).toBe("true");
  expect((await call("/garbage")).text).toBe("true");
  const big = randomBytes(5_000_000).toString("base64").slice(0, 5_000_000);
  expect((await call("/echo", { method: "POST", body: big })).text).toBe(big);
  const socket = new WebSocket(`ws://127.0.0.1:${runtime.gatewayPort}/`, { headers: { host: fn.host } });
  const echoed = await new Promise((resolve, reject) => {
    socket.on("error", reject);
    socket.on("open", () => socket.send("hello"));
    socket.on("message", (data: Buffer) => resolve(data.toString()));
  });
  socket.close();
  expect(echoed).toBe("hello");
});

test("a process that runs out of heap may say so before it ends, and is told from one that broke a wall", async () => {
  const { host } = await runtime.deploy("heap", bundle, { memoryMbMax: 32, cpuMsMax: 60_000 });
  expect((await callFunction(runtime, host, { path: "/objects" })).text).toContain("memory_limit");
});

test("the kernel holds every wall around every sandbox, the waiting ones included", async () => {
  await call("/");
  const pids = await eventually(
    async () => descendants(runtime.pid(), "workerd"),
    (found) => found.length >= 2,
  );
  expect(pids.length).toBeGreaterThanOrEqual(2);
  for (const pid of pids) {
    const { status, ownNamespaces, limits, interfaces } = readProcessWalls(pid);
    expect(ownNamespaces).toEqual(["cgroup", "ipc", "mnt", "net", "pid", "user", "uts"]);
    expect([status.get("Seccomp"), status.get("NoNewPrivs")]).toEqual(["2", "1"]);
    for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"])
      expect([set, status.get(set)]).toEqual([set, "0000000000000000"]);
    if (process.getuid?.() === 0) expect(status.get("Uid")).toBe("61001\t61001\t61001\t61001");
    // Only root may drop groups; an ordinary user's sandbox has the user's, and files of those groups are not in its root.
    const groups = status.get("Groups")?.trim().split(" ").filter(Boolean).map(Number) ?? [];
    expect(groups.filter((id) => id !== 61_001 && !(process.getuid?.() !== 0 && ownGroups.includes(id)))).toEqual([]);
    expect(Object.fromEntries(limits)).toMatchObject({
      "Max file size": "0",
      "Max core file size": "0",
      "Max open files": "2048",
    });
    expect(interfaces).toEqual(["lo"]);
    expect(readFileSync(`/proc/${pid}/environ`, "utf8").replace("PWD=/\0", "")).toBe("");
  }
});

test("the root of a sandbox holds the program, its libraries and one socket", async () => {
  await call("/");
  const [pid = 0] = descendants(runtime.pid(), "workerd");
  const root = `/proc/${pid}/root`;
  const files = (dir: string): string[] =>
    readdirSync(`${root}${dir}`, { withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory() ? files(`${dir}/${entry.name}`) : [`${dir}/${entry.name}`],
    );
  expect(readdirSync(root).toSorted()).toEqual(
    ["dev", "lib", "lib64", "proc", "s", "workerd"].filter((name) => existsSync(`${root}/${name}`)),
  );
  expect([...files("/dev"), ...files("/s")].toSorted()).toEqual(["/dev/null", "/dev/urandom", "/s/out.sock"]);
  expect(files("/lib").every((path) => /\.so(\.\d+)*$/.test(path))).toBe(true);
  expect(
    readFileSync(`/proc/${pid}/mounts`, "utf8")
      .split("\n")
      .find((line) => line.split(" ")[1] === "/"),
  ).toMatch(/ ro,/);
});
