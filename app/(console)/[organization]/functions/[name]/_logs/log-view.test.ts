import fc from "fast-check";
import { expect, test } from "vitest";
import { addressOf, canFollow, filterOf, isWholeLog, LEVELS, viewOf, WHOLE_LOG, type LogView } from "./log-view.ts";

const moment = fc.option(fc.integer({ min: 0, max: 4_102_444_800_000 }));
const views: fc.Arbitrary<LogView> = fc.record({
  text: fc.string({ maxLength: 200, unit: "grapheme" }).filter((text) => text.length <= 200),
  level: fc.option(fc.constantFrom(...LEVELS)),
  status: fc.option(fc.constantFrom("2xx", "5xx", "404")),
  version: fc.option(fc.integer({ min: 1, max: 1_000_000_000 })),
  requestId: fc.option(fc.constant("req_00000000000000000001")),
  time: fc.oneof(
    fc.record({ kind: fc.constant("last" as const), span: fc.constantFrom("15m", "1h", "24h", "7d") }),
    fc.record({ kind: fc.constant("between" as const), fromMs: moment, toMs: moment }),
  ),
});

test("a link shows another person the same part of the log", () => {
  fc.assert(
    fc.property(views, (view) => {
      expect(viewOf(new URLSearchParams(addressOf(view)))).toEqual(view);
    }),
  );
});

test("an address that says nothing that can be understood shows the whole log", () => {
  const address = "level=loud&status=999&version=-1&request=../x&time=ever&from=tomorrow&to=";
  expect(viewOf(new URLSearchParams(address))).toEqual(WHOLE_LOG);
  expect(isWholeLog(viewOf(new URLSearchParams("")))).toBe(true);
  expect(filterOf(WHOLE_LOG, 1)).toEqual({});
});

test("a span is counted back from when one looks, and a time that is over has nothing to follow", () => {
  const hour = viewOf(new URLSearchParams("time=1h&search=x"));
  expect(filterOf(hour, 7_200_000)).toEqual({ text: "x", fromMs: 3_600_000 });
  expect(canFollow(hour)).toBe(true);
  const between = viewOf(new URLSearchParams("from=2026-11-24T10:00:00Z&to=2026-11-24T11:00:00Z"));
  expect(canFollow(between)).toBe(false);
  expect(canFollow(viewOf(new URLSearchParams("from=2026-11-24T10:00:00Z")))).toBe(true);
});
