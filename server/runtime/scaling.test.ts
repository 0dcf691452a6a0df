import { expect, test } from "vitest";
import WebSocket from "ws";
import { callFunction, eventually, testRuntime } from "./test-runtime.ts";

const slow = (text: string) =>
  `export default { async fetch() { await scheduler.wait(30); return new Response("${text}"); } };`;

test("a burst from 0 to 200 concurrent requests loses none, and the instances stay within the version's bound", async () => {
  await using runtime = await testRuntime();
  const { host } = await runtime.deploy("burst", slow("ok"), { concurrencyPerInstanceMax: 20, instancesMax: 4 });
  const answers = await Promise.all(Array.from({ length: 200 }, () => callFunction(runtime, host)));
  expect(answers.filter((answer) => answer.status !== 200).map((answer) => answer.text)).toEqual([]);
  const instances = Number(/^sluice_instances (\d+)/m.exec(await runtime.metrics())?.[1]);
  expect(instances).toBeGreaterThanOrEqual(2);
  expect(instances).toBeLessThanOrEqual(4);
  const { db } = runtime.database;
  const rows = await eventually(
    () => db.usageEvent.count({ where: { kind: "request" } }),
    (count) => count === 200,
  );
  expect(rows).toBe(200);
});

test("deploys under load fail no request, and what answers is never older than a deploy that was done before it was asked", async () => {
  await using runtime = await testRuntime();
  let { host } = await runtime.deploy("swap", slow("0"));
  const wrong: string[] = [];
  let deployed = 0;
  const over = new AbortController();
  const callers = Array.from({ length: 8 }, async () => {
    while (!over.signal.aborted) {
      const oldest = deployed;
      const answer = await callFunction(runtime, host);
      if (answer.status !== 200 || Number(answer.text) < oldest)
        wrong.push(`${answer.status} ${answer.text} < ${oldest}`);
    }
  });
  for (let version = 1; version <= 8; version += 1) {
    ({ host } = await runtime.deploy("swap", slow(String(version))));
    deployed = version;
    await callFunction(runtime, host);
  }
  over.abort();
  await Promise.all(callers);
  expect(wrong).toEqual([]);
});

test("with nothing to do a function goes back to zero instances, and comes back when it is called", async () => {
  await using runtime = await testRuntime({ INSTANCE_IDLE_MS: "200" });
  const { host } = await runtime.deploy("idle", slow("here"));
  expect((await callFunction(runtime, host)).text).toBe("here");
  const metrics = await eventually(
    () => runtime.metrics(),
    (text) => text.includes("sluice_instances 0"),
  );
  expect(metrics).toContain("sluice_instances 0\n");
  expect((await callFunction(runtime, host)).text).toBe("here");
});

test("an instance that is called now and then, ever so briefly, does not count as idle", async () => {
  await using runtime = await testRuntime({ INSTANCE_IDLE_MS: "1500" });
  const { host } = await runtime.deploy(
    "brief",
    `const born = Math.random(); export default { fetch: () => new Response(String(born)) };`,
  );
  const born = (await callFunction(runtime, host)).text;
  for (let call = 0; call < 14; call += 1) {
    await new Promise((resolve) => setTimeout(resolve, 250));
    expect((await callFunction(runtime, host)).text).toBe(born);
  }
});

test("an endless loop takes nobody with it: another function goes on answering, and its own next call is served", async () => {
  await using runtime = await testRuntime();
  const looping = await runtime.deploy(
    "loop",
    `export default { fetch(request) { if (request.url.endsWith("/loop")) for (;;); return new Response("well"); } };`,
    { cpuMsMax: 200 },
  );
  const neighbour = await runtime.deploy("neighbour", slow("fine"));
  const loop = callFunction(runtime, looping.host, { path: "/loop" });
  const answers = await Promise.all(Array.from({ length: 10 }, () => callFunction(runtime, neighbour.host)));
  expect(answers.map((answer) => answer.text)).toEqual(Array.from({ length: 10 }, () => "fine"));
  expect((await loop).status).toBe(502);
  expect((await callFunction(runtime, looping.host)).text).toBe("well");
});

test("an open WebSocket does not keep the runtime from stopping, and its call is in the ledger", async () => {
  await using runtime = await testRuntime({ DRAIN_MS_MAX: "300" });
  const { host } = await runtime.deploy(
    "socket",
    `export default { fetch() { const [client, server] = Object.values(new WebSocketPair()); server.accept(); return new Response(null, { status: 101, webSocket: client }); } };`,
  );
  const socket = new WebSocket(`ws://127.0.0.1:${runtime.gatewayPort}/open`, { headers: { host } });
  await new Promise((resolve) => socket.once("open", resolve));
  const closed = new Promise((resolve) => socket.once("close", resolve));
  await runtime.kill("SIGTERM");
  await closed;
  const { db } = runtime.database;
  expect(await db.usageEvent.findFirst({ where: { path: "/open" }, select: { status: true } })).toEqual({
    status: 101,
  });
  expect(await db.runtimeEpoch.count({ where: { drainedAt: null } })).toBe(0);
});
