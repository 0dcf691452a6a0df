import { expect, test } from "vitest";
import { callFunction, eventually, testRuntime, type TestRuntime } from "./test-runtime.ts";

const code = (text: string): unknown => JSON.parse(text).error.code;

const lines = async ({ database }: TestRuntime, text: string) =>
  eventually(
    () =>
      database.db.logLine.findMany({ where: { message: { contains: text } }, select: { message: true, level: true } }),
    (rows) => rows.length > 0,
  );

const bundle = `
export default { async fetch(request) {
  const { pathname } = new URL(request.url);
  if (pathname === "/loop") for (;;);
  if (pathname === "/heap") { const kept = []; for (;;) kept.push({ n: Math.random(), text: "x".repeat(100) + Math.random() }); }
  if (pathname === "/wait") { await scheduler.wait(500); return new Response("waited"); }
  return new Response("well");
} };`;

test("a loop is ended within its CPU limit and a bound, its caller is told, what it burnt is in the ledger, and its log says what to do", async () => {
  await using runtime = await testRuntime();
  const { host } = await runtime.deploy("loop", bundle, { cpuMsMax: 200 });
  await callFunction(runtime, host);
  const answer = await callFunction(runtime, host, { path: "/loop" });
  expect([answer.status, code(answer.text)]).toEqual([502, "cpu_limit"]);
  const row = await eventually(
    () =>
      runtime.database.db.usageEvent.findFirst({
        where: { outcome: "cpu_limit" },
        select: { cpuNs: true, kind: true, requestId: true },
      }),
    (found) => found !== null,
  );
  expect(row?.kind).toBe("request");
  expect(Number(row?.cpuNs)).toBeGreaterThanOrEqual(200e6);
  // The limit is held by CPU time, so that a busy machine does not change this.
  expect(Number(row?.cpuNs)).toBeLessThan(300e6);
  const [line] = await lines(runtime, "more CPU time than its limit allows");
  expect(line?.message).toContain('raise "CPU time of a request" in its settings');
});

test("calls that share an instance with a loop and may be repeated are answered by another; a POST is told clearly", async () => {
  await using runtime = await testRuntime();
  const { host } = await runtime.deploy("loop", bundle, { cpuMsMax: 300, concurrencyPerInstanceMax: 50 });
  await callFunction(runtime, host);
  const loop = callFunction(runtime, host, { path: "/loop" });
  await eventually(
    () => runtime.metrics(),
    (text) => text.includes("sluice_requests_in_flight 1"),
  );
  const gets = Array.from({ length: 5 }, () => callFunction(runtime, host));
  const post = callFunction(runtime, host, { method: "POST", body: "x" });
  expect((await Promise.all(gets)).map((answer) => `${answer.status} ${answer.text}`)).toEqual(
    Array.from({ length: 5 }, () => "200 well"),
  );
  const posted = await post;
  expect([posted.status, code(posted.text)]).toEqual([502, "cpu_limit"]);
  expect((await loop).status).toBe(502);
  const ids = await eventually(
    () => runtime.database.db.usageEvent.findMany({ where: { kind: "request" }, select: { requestId: true } }),
    (rows) => rows.length === 8,
  );
  expect(new Set(ids.map((row) => row.requestId)).size).toBe(8);
});

test("a call that fills the memory is told so; those beside it that may be repeated are answered by another instance", async () => {
  await using runtime = await testRuntime();
  const { host } = await runtime.deploy("heap", bundle, { memoryMbMax: 32 });
  const alone = await callFunction(runtime, host, { path: "/heap" });
  expect([alone.status, code(alone.text)]).toEqual([502, "memory_limit"]);
  const waiting = callFunction(runtime, host, { path: "/wait" });
  await eventually(
    () => runtime.metrics(),
    (text) => text.includes("sluice_requests_in_flight 1"),
  );
  // A POST is not repeated, so it takes one instance with it and not two.
  const filling = await callFunction(runtime, host, { path: "/heap", method: "POST" });
  expect([filling.status, code(filling.text)]).toEqual([502, "memory_limit"]);
  expect(await waiting).toMatchObject({ status: 200, text: "waited" });
  expect((await lines(runtime, "more memory than its limit allows")).length).toBeGreaterThanOrEqual(2);
});

test("calls beyond the function's rate get 429 rate_limited with retry-after, and one line in its log says how many", async () => {
  await using runtime = await testRuntime();
  const { host } = await runtime.deploy("rate", bundle, { requestsPerSecondMax: 5 });
  const answers = await Promise.all(Array.from({ length: 40 }, () => callFunction(runtime, host)));
  const refused = answers.filter((answer) => answer.status === 429);
  expect(answers.filter((answer) => answer.status === 200).length).toBeGreaterThanOrEqual(5);
  expect(refused.length).toBeGreaterThan(20);
  expect([code(refused[0]?.text ?? "{}"), refused[0]?.headers["retry-after"]]).toEqual(["rate_limited", "1"]);
  const told = await lines(runtime, "refused within a second: The function takes 5 requests a second");
  expect(told.length).toBeLessThanOrEqual(4);
});

test("when all of a function's places are taken and nobody leaves, callers get 429 too_many_concurrent; another organization's are served", async () => {
  await using runtime = await testRuntime();
  const { host } = await runtime.deploy(
    "busy",
    `export default { async fetch() { await scheduler.wait(15_000); return new Response("late"); } };`,
    { concurrencyPerInstanceMax: 1, instancesMax: 1 },
  );
  const other = await runtime.deploy("other", bundle);
  const holding = callFunction(runtime, host).catch(() => undefined);
  await eventually(
    () => runtime.metrics(),
    (text) => text.includes("sluice_requests_in_flight 1"),
  );
  const refused = callFunction(runtime, host);
  expect((await callFunction(runtime, other.host)).text).toBe("well");
  const answer = await refused;
  expect([answer.status, code(answer.text), answer.headers["retry-after"]]).toEqual([429, "too_many_concurrent", "1"]);
  await runtime.kill("SIGKILL");
  await holding;
});

test("what a request prints beyond its limit is dropped, and its own line says what to do", async () => {
  await using runtime = await testRuntime();
  const { host, functionId } = await runtime.deploy(
    "talker",
    `export default { fetch() { for (let i = 0; i < 50; i++) console.log("x".repeat(100)); return new Response("ok"); } };`,
    { logBytesMax: 1_024 },
  );
  const { headers } = await callFunction(runtime, host);
  await lines(runtime, "More than 1 KB printed");
  const printed = await runtime.database.db.logLine.findMany({
    where: { functionId },
    orderBy: { seq: "asc" },
    select: { message: true, requestId: true, level: true },
  });
  expect(printed).toHaveLength(11); // 10 of 100 bytes, and the one that says so
  expect(printed.at(-1)).toEqual({
    level: "warn",
    requestId: headers["x-request-id"],
    message: expect.stringMatching(/raise "Printed text of a request" in Settings\.$/),
  });
});
