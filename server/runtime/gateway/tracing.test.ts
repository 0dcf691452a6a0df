import fc from "fast-check";
import { expect, test } from "vitest";
import { parseTraceparent } from "./trace-context.ts";
import { Tracing, type TracingOptions } from "./tracing.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER = "00f067aa0ba902b7";
const from = (flags: "00" | "01" | "02" | "03") => ({ traceparent: `00-${TRACE}-${CALLER}-${flags}` });

function tracing(options: Partial<TracingOptions> = {}): Tracing {
  return new Tracing({ sampleRatio: 0, trustsCallers: false, perSecondMax: 1_000_000, ...options });
}

test("without a caller's context, a call that is not recorded gets none: a cleared flag would silence the function's own tracer", () => {
  expect(tracing().begin({})).toBeUndefined();
  expect(tracing().begin({ traceparent: "malformed", tracestate: "foo=1" })).toBeUndefined();
});

test("a caller's trace goes on through a span of ours, recorded or not, and the caller is told which span that is", () => {
  for (const sampleRatio of [0, 1]) {
    const trace = tracing({ sampleRatio }).begin({ ...from("01"), tracestate: "congo=t61rcWkgMzE" });
    const passed = parseTraceparent(trace?.traceparent);
    expect(passed).toMatchObject({ traceId: TRACE, flags: 1 });
    expect(passed?.parentId).not.toBe(CALLER);
    expect(trace?.tracestate).toBe("congo=t61rcWkgMzE");
    expect(parseTraceparent(trace?.traceresponse)).toEqual({ ...passed, flags: sampleRatio });
    expect(trace?.recorded).toEqual(
      sampleRatio === 0 ? undefined : { traceId: TRACE, spanId: passed?.parentId, parentId: CALLER },
    );
  }
});

test("a malformed context begins a new trace, without the old state", () => {
  const trace = tracing({ sampleRatio: 1 }).begin({ traceparent: `00-${TRACE}-${CALLER}-1`, tracestate: "foo=1" });
  const passed = parseTraceparent(trace?.traceparent);
  expect(passed?.traceId).not.toBe(TRACE);
  expect(passed?.flags).toBe(3); // sampled, and random as a whole
  expect(trace?.tracestate).toBeUndefined();
  expect(trace?.recorded).toEqual({ traceId: passed?.traceId, spanId: passed?.parentId });
});

test("whether a trace's id is random is the caller's word, and goes on as it came", () => {
  expect(parseTraceparent(tracing().begin(from("02"))?.traceparent)?.flags).toBe(2);
  expect(parseTraceparent(tracing().begin(from("00"))?.traceparent)?.flags).toBe(0);
});

test("a stranger's flag decides nothing; a trusted caller's decides alone", () => {
  const recorded = (options: Partial<TracingOptions>, flags: "00" | "01") =>
    tracing(options).begin(from(flags))?.recorded !== undefined;
  expect(recorded({ sampleRatio: 0 }, "01")).toBe(false);
  expect(recorded({ sampleRatio: 1 }, "00")).toBe(true);
  expect(recorded({ sampleRatio: 0, trustsCallers: true }, "01")).toBe(true);
  expect(recorded({ sampleRatio: 1, trustsCallers: true }, "00")).toBe(false);
});

test("whatever callers send and whenever, no more is recorded than one second's worth and what the time since then allows", () => {
  const call = fc.record({
    gapMs: fc.integer({ min: 0, max: 400 }),
    headers: fc.oneof(fc.constant({}), fc.constant(from("01")), fc.constant(from("00"))),
  });
  fc.assert(
    fc.property(
      fc.array(call, { minLength: 50, maxLength: 300 }),
      fc.integer({ min: 1, max: 20 }),
      fc.boolean(),
      (calls, perSecondMax, trustsCallers) => {
        let nowMs = 1_800_000_000_000;
        const under = tracing({ sampleRatio: 1, trustsCallers, perSecondMax, nowMs: () => nowMs });
        let recorded = 0;
        for (const { gapMs, headers } of calls) {
          nowMs += gapMs;
          if (under.begin(headers)?.recorded) recorded += 1;
        }
        const elapsedS = (nowMs - 1_800_000_000_000) / 1000;
        expect(recorded).toBeLessThanOrEqual(Math.ceil(perSecondMax * (1 + elapsedS)));
      },
    ),
  );
});

test("the ratio is kept by our own dice: a caller who picks trace ids picks no more than his share", () => {
  let drawn = 0;
  const dice = () => (drawn = (drawn + 0.31) % 1);
  const under = tracing({ sampleRatio: 0.25, random: dice });
  let recorded = 0;
  for (let call = 0; call < 1_000; call += 1) if (under.begin(from("01"))?.recorded) recorded += 1;
  expect(recorded).toBeGreaterThan(230);
  expect(recorded).toBeLessThan(270);
});

test("ids are never the same twice in many", () => {
  const under = tracing({ sampleRatio: 1 });
  const ids = Array.from({ length: 20_000 }, () => under.begin({})?.recorded);
  expect(new Set(ids.map((one) => one?.traceId)).size).toBe(ids.length);
  expect(new Set(ids.map((one) => one?.spanId)).size).toBe(ids.length);
});
