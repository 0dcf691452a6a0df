import { expect, test } from "vitest";
import { freePort } from "#server/std/free-port.ts";
import { createLog } from "#server/std/log.ts";
import { SpanExporter } from "./span-exporter.ts";
import { tracedCall } from "./test-calls.ts";
import { testCollector } from "./test-collector.ts";

const log = createLog("test", "silent");

function exporterTo(url: string, headers: Record<string, string> = {}): SpanExporter {
  return new SpanExporter({ target: { url: `${url}/v1/traces`, headers }, epoch: 7n, region: "test", log });
}

test("what the collector gets is the call, by OpenTelemetry's conventions, under the operator's own headers", async () => {
  await using collector = await testCollector();
  const exporter = exporterTo(collector.url, { "x-api-key": "k" });
  const call = tracedCall(1, { coldStart: true, startUs: 1_500, status: 502, outcome: "function_crashed" });
  exporter.add(call);
  await exporter.close(5_000);
  expect(collector.paths).toEqual(["/v1/traces"]);
  expect(collector.headers[0]).toMatchObject({ "x-api-key": "k", "content-type": "application/json" });
  expect(collector.resources[0]).toMatchObject({ "service.name": "sluice-runtime", "service.instance.id": "7" });
  const [gateway, start, work] = collector.spans;
  expect(gateway).toMatchObject({
    traceId: call.trace.traceId,
    spanId: call.trace.spanId,
    name: "GET",
    kind: 2,
    status: { code: 2 },
    attributes: {
      "http.request.method": "GET",
      "url.path": "/hello",
      "url.scheme": "http",
      "http.response.status_code": 502,
      "error.type": "function_crashed",
      "faas.invocation_id": "req_1",
      "faas.coldstart": true,
      "sluice.organization_id": "org_1",
    },
  });
  expect(start).toMatchObject({ name: "instance start", parentSpanId: call.trace.spanId });
  expect(work).toMatchObject({ name: "function", parentSpanId: call.trace.spanId });
  expect((start?.endTimeUnixNano ?? 0n) - (start?.startTimeUnixNano ?? 0n)).toBe(1_500_000n);
  expect([exporter.sentSpans, exporter.droppedSpans]).toEqual([3, 0]);
});

test("spans come in batches while calls go on", async () => {
  await using collector = await testCollector();
  const exporter = exporterTo(collector.url);
  for (let call = 1; call <= 600; call += 1) exporter.add(tracedCall(call));
  await exporter.close(10_000);
  expect(collector.spans).toHaveLength(1_200); // the gateway's own, and the function's work
  expect(new Set(collector.spans.map((span) => span.spanId)).size).toBe(1_200);
  expect(collector.paths.length).toBeLessThan(10);
});

test("a collector that is away, refuses or hangs costs spans, which are counted, and never a moment", async () => {
  await using hanging = await testCollector();
  hanging.behaviour = "silent";
  await using refusing = await testCollector();
  refusing.behaviour = 400;
  for (const url of [`http://127.0.0.1:${await freePort()}`, hanging.url, refusing.url]) {
    const exporter = exporterTo(url);
    const beganAt = performance.now();
    for (let call = 1; call <= 5_000; call += 1) exporter.add(tracedCall(call));
    expect(performance.now() - beganAt).toBeLessThan(2_000);
    expect(exporter.droppedSpans).toBeGreaterThanOrEqual(10_000 - 4_096); // past the bound of what waits
    await exporter.close(300);
    expect(exporter.sentSpans).toBe(0);
  }
});

test("a collector that says that it is busy is asked again", async () => {
  await using collector = await testCollector();
  collector.behaviour = 503;
  const exporter = exporterTo(collector.url);
  exporter.add(tracedCall(1));
  const closing = exporter.close(8_000);
  await expect.poll(() => collector.paths.length, { timeout: 5_000 }).toBeGreaterThan(0);
  collector.behaviour = 200;
  await closing;
  expect(collector.spans).toHaveLength(2);
  expect([exporter.sentSpans, exporter.droppedSpans]).toEqual([2, 0]);
});
