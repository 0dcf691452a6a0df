import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { callFunction, eventually, testRuntime, type DeployedFunction, type TestRuntime } from "./test-runtime.ts";

/** Fetches `n` times, one after the other or all at once, and says how often each status came, and the last text. */
const fetcher = (port: number) => `
async function ask(n) {
  const seen = {};
  let last = "";
  for (let i = 0; i < n; i++) {
    const answer = await fetch("http://127.0.0.1:${port}/");
    last = await answer.text();
    seen[answer.status] = (seen[answer.status] ?? 0) + 1;
  }
  return { seen, last };
}
export default {
  async fetch(request, env, ctx) {
    const url = new URL(request.url);
    const n = Number(url.searchParams.get("n"));
    if (url.pathname === "/slow") await scheduler.wait(2_000);
    if (url.pathname === "/after") {
      ctx.waitUntil(ask(n).then(({ seen }) => console.log("after", JSON.stringify(seen))));
      return new Response("ok");
    }
    if (url.pathname === "/connect") {
      const { connect } = await import("cloudflare:sockets");
      try { await connect("127.0.0.1:${port}").opened; return new Response("open"); }
      catch (error) { return new Response("refused " + error.message); }
    }
    return Response.json(await ask(n));
  },
};`;

const outside = createServer((_req, res) => res.end("outside"));
let runtime: TestRuntime;
let port: number;

beforeAll(async () => {
  outside.listen(0, "127.0.0.1");
  await once(outside, "listening");
  ({ port } = outside.address() as AddressInfo);
  runtime = await testRuntime({ EGRESS_ALLOW: `127.0.0.1:${port}` });
});
afterAll(async () => {
  await runtime[Symbol.asyncDispose]();
  outside.closeAllConnections();
  outside.close();
});

async function ask({ host }: DeployedFunction, path: string): Promise<{ seen: Record<string, number>; last: string }> {
  const answer = await callFunction(runtime, host, { path });
  expect([answer.status, answer.text]).toEqual([200, expect.stringContaining("seen")]);
  return JSON.parse(answer.text);
}

const linesOf = ({ functionId }: DeployedFunction) =>
  runtime.database.db.logLine.findMany({
    where: { functionId },
    orderBy: { seq: "asc" },
    select: { message: true, requestId: true, level: true },
  });

test("each call may fetch as often as its limit says; then it gets 429 with what to do, and Logs says so once", async () => {
  const deployed = await runtime.deploy("fetcher", fetcher(port), { subRequestsMax: 5 });
  for (let call = 0; call < 3; call += 1) {
    const { seen, last } = await ask(deployed, "/?n=8");
    expect(seen).toEqual({ 200: 5, 429: 3 });
    expect(last).toMatch(/Subrequest limit: more than 5 .* Settings/);
  }
  expect((await ask(deployed, "/?n=5")).seen).toEqual({ 200: 5 });
  const notices = await eventually(
    () => linesOf(deployed),
    (lines) => lines.length > 0,
  );
  expect(notices).toEqual([
    { level: "warn", requestId: null, message: expect.stringMatching(/^Subrequest limit: .* raise .* in Settings\.$/) },
  ]);
});

test("calls at once share what they bring, and none of them is refused while it stays within the limit", async () => {
  const deployed = await runtime.deploy("sharers", fetcher(port), { subRequestsMax: 5, instancesMax: 1 });
  const answers = await Promise.all(Array.from({ length: 20 }, () => ask(deployed, "/?n=5")));
  expect(answers.map(({ seen }) => seen)).toEqual(Array.from({ length: 20 }, () => ({ 200: 5 })));
});

test("work given to waitUntil has what its call left, and a connection past the limit is refused", async () => {
  const deployed = await runtime.deploy("later", fetcher(port), { subRequestsMax: 3 });
  await callFunction(runtime, deployed.host, { path: "/after?n=5" });
  const lines = await eventually(
    () => linesOf(deployed),
    (found) => found.some(({ message }) => message.startsWith("after")),
  );
  expect(lines.find(({ message }) => message.startsWith("after"))?.message).toBe('after {"200":3,"429":2}');
  const none = await runtime.deploy("none", fetcher(port), { subRequestsMax: 0 });
  expect((await callFunction(runtime, none.host, { path: "/connect" })).text).toMatch(/^refused /);
});

test("leaving a plan bounds what serves already, without a deploy; a call that is under way ends as it began", async () => {
  const deployed = await runtime.deploy("leaver", fetcher(port), { subRequestsMax: 60, instancesMax: 1 });
  expect((await ask(deployed, "/?n=60")).seen).toEqual({ 200: 60 });
  const underWay = ask(deployed, "/slow?n=60");
  await eventually(
    () => runtime.metrics(),
    (text) => /^sluice_requests_in_flight [1-9]/m.test(text),
  );
  const { db } = runtime.database;
  const { organizationId } = deployed;
  await db.organization.update({ where: { id: organizationId }, data: { plan: "free" }, select: { id: true } });
  await db.$executeRaw`SELECT pg_notify('sluice_organization', ${organizationId})`;
  const { seen } = await eventually(
    () => ask(deployed, "/?n=60"),
    ({ seen }) => seen["429"] !== undefined,
  );
  expect(seen).toEqual({ 200: 50, 429: 10 });
  expect((await underWay).seen).toEqual({ 200: 60 });
  const stored = await db.version.findUnique({ where: { id: deployed.versionId }, select: { limits: true } });
  expect(stored?.limits).toMatchObject({ subRequestsMax: 60 });
});
