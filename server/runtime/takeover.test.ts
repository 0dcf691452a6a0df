import { expect, test } from "vitest";
import WebSocket from "ws";
import { callFunction, eventually, testRuntime } from "./test-runtime.ts";

const hello = `export default { async fetch() { await scheduler.wait(5); return new Response("hello"); } };`;
const echo = `export default { fetch() {
  const [client, server] = Object.values(new WebSocketPair());
  server.accept();
  server.addEventListener("message", (event) => server.send(event.data));
  return new Response(null, { status: 101, webSocket: client });
} };`;

test("a second runtime takes over the port while calls come in on new and on kept connections: none is refused or broken, and each is in the ledger once", async () => {
  await using runtime = await testRuntime({ GATEWAY_THREADS: "2" });
  const { host } = await runtime.deploy("hello", hello);
  const over = new AbortController();
  const answers: string[] = [];
  // Half of them on a new connection each time, and half on those that they keep.
  const callers = Array.from({ length: 12 }, async (_, at) => {
    while (!over.signal.aborted) {
      const headers = at % 2 === 0 ? { connection: "close" } : {};
      const answer = await callFunction(runtime, host, { headers });
      answers.push(`${answer.status} ${answer.text}`);
    }
  });
  await eventually(
    async () => answers.length,
    (count) => count > 100,
  );
  const successor = await runtime.succeed();
  await eventually(
    async () => answers.length,
    (count) => count > 300,
  );
  await runtime.kill("SIGTERM");
  const handedOver = answers.length;
  await eventually(
    async () => answers.length,
    (count) => count > handedOver + 100,
  );
  over.abort();
  await Promise.all(callers);
  await successor.kill("SIGTERM");
  expect([...new Set(answers)]).toEqual(["200 hello"]);
  const { db } = runtime.database;
  expect(await db.usageEvent.count({ where: { kind: "request" } })).toBe(answers.length);
  expect(await db.runtimeEpoch.count({ where: { drainedAt: null } })).toBe(0);
});

test("a runtime refuses to start beside another on the same data, and on a port that is in use, and says what to do", async () => {
  await using runtime = await testRuntime();
  await using other = await testRuntime();
  await expect(runtime.start()).rejects.toThrow(/Another runtime uses .* Stop it, or set DATA_DIR/);
  await expect(
    other.start({ GATEWAY_PORT: String(runtime.gatewayPort), DATA_DIR: `${other.dataDir}/other` }),
  ).rejects.toThrow(/Port \d+ is in use. Stop what uses it, or set GATEWAY_PORT/);
});

test("a WebSocket of a version that was replaced gets its grace, then a close with 1001 between two messages", async () => {
  await using runtime = await testRuntime({ REPLACED_MS_MAX: "700" });
  const { host } = await runtime.deploy("socket", echo);
  const socket = new WebSocket(`ws://127.0.0.1:${runtime.gatewayPort}/`, { headers: { host } });
  await new Promise((resolve) => socket.once("open", resolve));
  await runtime.deploy("socket", hello);
  socket.send("still here");
  const [echoed] = await new Promise<unknown[]>((resolve) => socket.once("message", (...args) => resolve(args)));
  expect(String(echoed)).toBe("still here");
  const code = await new Promise((resolve) => socket.once("close", resolve));
  expect(code).toBe(1001);
  expect((await callFunction(runtime, host)).text).toBe("hello");
});

test("a stop lets what is in flight finish, and closes open WebSockets with 1001", async () => {
  await using runtime = await testRuntime({ DRAIN_MS_MAX: "1500" });
  const slow = await runtime.deploy(
    "slow",
    `export default { async fetch() { await scheduler.wait(600); return new Response("done"); } };`,
  );
  const { host } = await runtime.deploy("socket", echo);
  const socket = new WebSocket(`ws://127.0.0.1:${runtime.gatewayPort}/`, { headers: { host } });
  await new Promise((resolve) => socket.once("open", resolve));
  const closed = new Promise((resolve) => socket.once("close", resolve));
  const answer = callFunction(runtime, slow.host);
  await eventually(
    () => runtime.metrics(),
    (text) => text.includes("sluice_requests_in_flight 2"),
  );
  await runtime.kill("SIGTERM");
  expect([(await answer).text, await closed]).toEqual(["done", 1001]);
});
