import fc from "fast-check";
import { expect, test } from "vitest";
import { resourceOf, spansOf, type Span } from "./call-spans.ts";
import { tracedCall } from "./test-calls.ts";

const resource = resourceOf({ epoch: 7n, region: "test" });

const ns = ([s, rest]: Span["startTime"]): bigint => BigInt(s) * 1_000_000_000n + BigInt(rest);

test("whatever a call waited, its inner spans lie end to end within the gateway's own, and add up to it", () => {
  const us = fc.integer({ min: 0, max: 20_000_000 });
  const call = fc.record({
    atMs: fc.integer({ min: 1_700_000_000_000, max: 1_900_000_000_000 }),
    wallUs: us,
    waitUs: fc.option(us, { nil: undefined }),
    startUs: fc.option(us, { nil: undefined }),
    coldStart: fc.boolean(),
  });
  fc.assert(
    fc.property(call, ({ waitUs, startUs, ...rest }) => {
      const traced = tracedCall(1, { ...rest, ...(startUs === undefined ? {} : { startUs }) });
      traced.trace = {
        traceId: traced.trace.traceId,
        spanId: traced.trace.spanId,
        ...(waitUs === undefined ? {} : { waitUs }),
      };
      const [gateway, ...inner] = spansOf(traced, resource);
      if (!gateway) throw new Error("a call has a span");
      expect(ns(gateway.startTime)).toBe(BigInt(rest.atMs) * 1_000_000n);
      expect(ns(gateway.endTime) - ns(gateway.startTime)).toBe(BigInt(rest.wallUs) * 1_000n);
      let end = gateway.startTime;
      for (const span of inner) {
        expect(span.startTime).toEqual(end);
        expect(span.parentSpanContext?.spanId).toBe(gateway.spanContext().spanId);
        end = span.endTime;
      }
      if (rest.wallUs > 0) expect(end).toEqual(gateway.endTime);
      const ids = [gateway, ...inner].map((span) => span.spanContext().spanId);
      expect(new Set(ids).size).toBe(ids.length);
    }),
  );
});

test("a call that is read from the journal twice is the same spans twice", () => {
  const call = tracedCall(1, { coldStart: true, startUs: 1_000 });
  const ids = () => spansOf(call, resource).map((span) => span.spanContext());
  expect(ids()).toEqual(ids());
  expect(ids()).toHaveLength(3);
});

test("a query, where callers put secrets, is in no span; a method that nobody knows makes no new span name", () => {
  const [span] = spansOf(tracedCall(1, { method: "BREW" }), resource);
  expect(JSON.stringify(span)).not.toContain("secret");
  expect(span?.name).toBe("HTTP");
  expect(span?.attributes).toMatchObject({
    "http.request.method": "_OTHER",
    "http.request.method_original": "BREW",
    "url.path": "/hello",
  });
});

test("only what ends in 5xx is an error, called by how the call ended", () => {
  const of = (status: number, outcome: "ok" | "cpu_limit") => spansOf(tracedCall(1, { status, outcome }), resource)[0];
  expect(of(404, "ok")?.attributes["error.type"]).toBeUndefined();
  expect(of(503, "ok")?.attributes["error.type"]).toBe("503");
  expect(of(502, "cpu_limit")?.attributes["error.type"]).toBe("cpu_limit");
  expect([of(404, "ok")?.status.code, of(502, "cpu_limit")?.status.code]).toEqual([0, 2]);
});
