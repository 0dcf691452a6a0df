import { mkdtempDisposable, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { z } from "zod";
import { callFunction, eventually, testRuntime } from "#server/runtime/test-runtime.ts";
import { testCollector } from "./test-collector.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER = "00f067aa0ba902b7";

/** Answers with the trace headers that it got, and says one of its own. */
const echo = `export default {
  fetch(request) {
    const path = new URL(request.url).pathname;
    if (path === "/throws") throw new Error("on purpose");
    const { traceparent = null, tracestate = null } = Object.fromEntries(request.headers);
    return Response.json({ traceparent, tracestate }, { headers: { traceresponse: "the function's own" } });
  }
};`;

const seen = z.object({ traceparent: z.string().nullable(), tracestate: z.string().nullable() });
const line = z.object({
  requestId: z.string(),
  traceId: z.string().optional(),
  path: z.string(),
  status: z.number(),
  outcome: z.string(),
  wallUs: z.number(),
  cpuNs: z.number(),
  coldStart: z.boolean(),
  startUs: z.number().nullable(),
  epoch: z.string(),
  seq: z.number(),
});

async function linesOf(path: string) {
  const text = await readFile(path, "utf8").catch(() => "");
  return text
    .split("\n")
    .filter((one) => one !== "")
    .map((one) => line.parse(JSON.parse(one)));
}

test("without a collector, a caller's trace reaches the function through a span of ours, and a call without one stays without", async () => {
  await using runtime = await testRuntime();
  const { host } = await runtime.deploy("echo", echo);
  const traced = await callFunction(runtime, host, {
    headers: { traceparent: `00-${TRACE}-${CALLER}-01`, tracestate: "congo=t61rcWkgMzE" },
  });
  const got = seen.parse(JSON.parse(traced.text));
  expect(got.traceparent).toMatch(new RegExp(`^00-${TRACE}-(?!${CALLER})[0-9a-f]{16}-01$`));
  expect(got.tracestate).toBe("congo=t61rcWkgMzE");
  expect(traced.headers["traceresponse"]).toBe(got.traceparent?.replace(/-01$/, "-00"));
  const bare = await callFunction(runtime, host);
  expect(seen.parse(JSON.parse(bare.text))).toEqual({ traceparent: null, tracestate: null });
  expect(bare.headers["traceresponse"]).toBe("the function's own");
});

test("with a collector and a file for lines, a call is the same call as spans, as a line, in the metrics and in the ledger", async () => {
  await using collector = await testCollector();
  await using dir = await mkdtempDisposable(join(tmpdir(), "sluice-lines-"));
  const log = join(dir.path, "requests.log");
  await using runtime = await testRuntime({
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_HEADERS: "x-tenant=ops%20team",
    REQUEST_LOG: log,
  });
  const { host } = await runtime.deploy("echo", echo);
  const cold = await callFunction(runtime, host, {
    path: "/first?token=secret",
    headers: { traceparent: `00-${TRACE}-${CALLER}-00` },
  });
  const threw = await callFunction(runtime, host, { path: "/throws" });
  const coldId = String(cold.headers["x-request-id"]);
  const threwId = String(threw.headers["x-request-id"]);

  const lines = await eventually(
    () => linesOf(log),
    (all) => all.length >= 2,
  );
  // Each thread of the gateway has a journal of its own, so lines are in order only thread by thread.
  const lineOf = (id: string) => lines.find((one) => one.requestId === id);
  expect(lines).toHaveLength(2);
  expect(lineOf(coldId)).toMatchObject({ path: "/first", status: 200, outcome: "ok", coldStart: true, traceId: TRACE });
  expect(lineOf(threwId)).toMatchObject({ path: "/throws", status: 500, outcome: "function_threw", startUs: null });

  const row = await eventually(
    () => runtime.database.db.usageEvent.findFirst({ where: { requestId: coldId } }),
    (found) => found !== null,
  );
  expect(row?.coldStart).toBe(true);
  expect(row?.startUs).toBeGreaterThan(1_000);
  expect(row?.startUs).toBeLessThanOrEqual(Number(row?.wallUs));
  expect([row?.startUs, Number(row?.wallUs), Number(row?.cpuNs), String(row?.epoch), Number(row?.seq)]).toEqual(
    [lineOf(coldId)].flatMap((one) => [one?.startUs, one?.wallUs, one?.cpuNs, one?.epoch, one?.seq]),
  );

  const spans = await eventually(
    async () => collector.spans,
    (all) => all.filter((span) => span.kind === 2).length >= 2,
  );
  const gateway = spans.find((span) => span.attributes["faas.invocation_id"] === coldId);
  expect(gateway).toMatchObject({ traceId: TRACE, parentSpanId: CALLER, name: "GET" });
  expect(cold.headers["traceresponse"]).toBe(`00-${TRACE}-${gateway?.spanId}-01`);
  expect(seen.parse(JSON.parse(cold.text)).traceparent).toBe(cold.headers["traceresponse"]);
  expect(spans.filter((span) => span.parentSpanId === gateway?.spanId).map((span) => span.name)).toEqual([
    "instance start",
    "function",
  ]);
  const failed = spans.find((span) => span.attributes["faas.invocation_id"] === threwId);
  expect(failed).toMatchObject({ attributes: { "error.type": "function_threw" }, status: { code: 2 } });
  expect(threw.headers["traceresponse"]).toBe(`00-${failed?.traceId}-${failed?.spanId}-03`);
  expect(collector.headers[0]).toMatchObject({ "x-tenant": "ops team" });

  const metrics = await eventually(
    () => runtime.metrics(),
    (text) => text.includes("sluice_request_duration_seconds_count 2"),
  );
  expect(metrics).toContain('sluice_requests_total{outcome="ok"} 1\n');
  expect(metrics).toContain('sluice_requests_total{outcome="function_threw"} 1\n');
  expect(metrics).toContain("sluice_cold_start_seconds_count 1\n");
  expect(metrics).toContain("sluice_spans_dropped_total 0\n");
  expect(metrics).not.toContain("org_");
}, 120_000);

test("a runtime that is killed and started again writes no line twice, and goes on in the same file", async () => {
  await using dir = await mkdtempDisposable(join(tmpdir(), "sluice-lines-"));
  const log = join(dir.path, "requests.log");
  await using runtime = await testRuntime({ REQUEST_LOG: log });
  const { host } = await runtime.deploy("echo", echo);
  const answered: string[] = [];
  const call = async () => String((await callFunction(runtime, host)).headers["x-request-id"]);
  const lineOf = (id: string) =>
    eventually(
      () => linesOf(log),
      (all) => all.some((one) => one.requestId === id),
    );
  for (let life = 0; life < 2; life += 1) {
    for (let calls = 0; calls < 10; calls += 1) answered.push(await call());
    await lineOf(answered.at(-1) ?? "");
    for (let calls = 0; calls < 10; calls += 1) answered.push(await call());
    await runtime.kill("SIGKILL");
    await runtime.start();
  }
  answered.push(await call());
  const ids = (await lineOf(answered.at(-1) ?? "")).map((one) => one.requestId);
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids.filter((id) => !answered.includes(id))).toEqual([]);
  expect(ids.length).toBeGreaterThanOrEqual(21); // a kill may cost the lines of its last moment, and no others
  const rows = await eventually(
    () => runtime.database.db.usageEvent.count({ where: { kind: "request" } }),
    (count) => count === answered.length,
  );
  expect(rows).toBe(answered.length);
}, 120_000);

test("a file that cannot be written is told at the start, with the setting that names it", async () => {
  await expect(testRuntime({ REQUEST_LOG: join(tmpdir(), "no-such-place/requests.log") })).rejects.toThrow(
    /The file that REQUEST_LOG names can't be written: ENOENT.*Make its folder/,
  );
});
