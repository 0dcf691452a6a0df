import fc from "fast-check";
import { expect, test } from "vitest";
import { formatTraceparent, parseTraceparent, passableTracestate, RANDOM_TRACE_ID, SAMPLED } from "./trace-context.ts";

const TRACE = "12345678901234567890123456789012";
const SPAN = "1234567890123456";

const hex = (digits: number) =>
  fc.stringMatching(new RegExp(`^[0-9a-f]{${digits}}$`)).filter((text) => /[^0]/.test(text));
const context = fc.record({ traceId: hex(32), parentId: hex(16), flags: fc.constantFrom(0, 1, 2, 3) });

test("what is written is read back", () => {
  fc.assert(
    fc.property(context, (one) => {
      expect(parseTraceparent(formatTraceparent(one))).toEqual(one);
    }),
  );
});

test("flags that no one has defined are not passed on", () => {
  fc.assert(
    fc.property(context, fc.integer({ min: 0, max: 255 }), (one, flags) => {
      const read = parseTraceparent(formatTraceparent({ ...one, flags }));
      expect(read?.flags).toBe(flags & (SAMPLED | RANDOM_TRACE_ID));
    }),
  );
});

test("a text of which one character was changed is read as another valid context or as none, and never as this one", () => {
  fc.assert(
    fc.property(context, fc.nat(54), fc.string({ minLength: 1, maxLength: 1 }), (one, at, character) => {
      const text = formatTraceparent(one);
      const changed = text.slice(0, at) + character + text.slice(at + 1);
      const read = parseTraceparent(changed);
      if (changed === text || !read) return;
      expect(formatTraceparent(read)).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-0[0-3]$/);
      expect(read.traceId).toBe(changed.slice(3, 35));
    }),
  );
});

test("no text makes it throw, or read ids that are no ids", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => {
      const read = parseTraceparent(text);
      if (read) expect(formatTraceparent(read)).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-0[0-3]$/);
    }),
  );
});

/** What the W3C's own test harness sends, in our words. */
test.each([
  ["version 00 with something after the flags", `00-${TRACE}-${SPAN}-01.`],
  ["version 00 with another field", `00-${TRACE}-${SPAN}-01-what-the-future-will-be-like`],
  ["a later version whose next field has no dash before it", `cc-${TRACE}-${SPAN}-01.what-the-future-will-be-like`],
  ["version ff", `ff-${TRACE}-${SPAN}-01`],
  ["a version that is no hex", `.0-${TRACE}-${SPAN}-01`],
  ["a version that is too long", `000-${TRACE}-${SPAN}-01`],
  ["a version that is too short", `0-${TRACE}-${SPAN}-01`],
  ["a trace id of zeros", `00-${"0".repeat(32)}-${SPAN}-01`],
  ["a trace id that is no hex", `00-.${TRACE.slice(1)}-${SPAN}-01`],
  ["a trace id in capitals", `00-${"ABCDEF01".repeat(4)}-${SPAN}-01`],
  ["a trace id that is too long", `00-${TRACE}3-${SPAN}-01`],
  ["a trace id that is too short", `00-${TRACE.slice(1)}-${SPAN}-01`],
  ["a parent id of zeros", `00-${TRACE}-${"0".repeat(16)}-01`],
  ["a parent id that is no hex", `00-${TRACE}-.${SPAN.slice(1)}-01`],
  ["a parent id that is too long", `00-${TRACE}-${SPAN}7-01`],
  ["a parent id that is too short", `00-${TRACE}-${SPAN.slice(1)}-01`],
  ["flags that are no hex", `00-${TRACE}-${SPAN}-.0`],
  ["flags that are too long", `00-${TRACE}-${SPAN}-001`],
  ["flags that are too short", `00-${TRACE}-${SPAN}-1`],
  ["two headers, as Node joins them", `00-${TRACE}-${SPAN}-01, 00-${TRACE}-${SPAN}-01`],
  ["two headers of a later version", `cc-${TRACE}-${SPAN}-01, cc-${TRACE}-${SPAN}-01`],
  ["an empty header", ""],
  ["no header", undefined],
])("%s is no context", (_what, text) => {
  expect(parseTraceparent(text)).toBeUndefined();
});

test.each([
  ["as it stands", `cc-${TRACE}-${SPAN}-01`],
  ["with another field", `cc-${TRACE}-${SPAN}-01-what-the-future-will-be-like`],
  ["with other flags", `cc-${TRACE}-${SPAN}-ff`],
])("a later version is read as version 00, %s", (_what, text) => {
  expect(parseTraceparent(text)).toEqual({ traceId: TRACE, parentId: SPAN, flags: SAMPLED });
});

const key = fc.stringMatching(/^[a-z0-9][a-z0-9_\-*/@]{0,20}$/);
const value = fc.stringMatching(/^[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,12}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/);
const members = fc
  .uniqueArray(fc.tuple(key, value), { minLength: 1, maxLength: 32, selector: ([name]) => name })
  .map((all) => all.map(([name, text]) => `${name}=${text}`));

test("a valid tracestate of 512 characters at most passes as it came", () => {
  fc.assert(
    fc.property(members, fc.constantFrom(",", ", ", " \t,"), (all, separator) => {
      const text = all.join(separator);
      fc.pre(text.length <= 512);
      expect(passableTracestate(text)).toBe(text);
    }),
  );
});

test("one that is longer loses whole members, long ones first and then the last, and keeps its order", () => {
  const long = fc.tuple(key, fc.integer({ min: 100, max: 250 })).map(([name, size]) => `${name}=${"v".repeat(size)}`);
  const many = fc
    .array(
      fc.oneof(
        long,
        members.map(([first = ""]) => first),
      ),
      { minLength: 4, maxLength: 32 },
    )
    .filter((all) => new Set(all.map((member) => member.split("=")[0])).size === all.length);
  fc.assert(
    fc.property(many, (all) => {
      fc.pre(all.join(",").length > 512);
      const kept = passableTracestate(all.join(","))?.split(",") ?? [];
      const trimmed = all.map((member) => member.replace(/^[ \t]+|[ \t]+$/g, ""));
      expect(kept.join(",").length).toBeLessThanOrEqual(512);
      expect(trimmed.filter((member) => kept.includes(member))).toEqual(kept);
      const lost = trimmed.filter((member) => !kept.includes(member));
      if (lost.some((member) => member.length <= 128)) expect(kept.filter((member) => member.length > 128)).toEqual([]);
    }),
  );
});

test.each([
  ["nothing", ""],
  ["only commas", " , ,"],
  ["a key in capitals", "FOO=1"],
  ["a key with a dot", "foo.bar=1"],
  ["a blank before the sign", "foo =1"],
  ["a key that begins with @", "@foo=1,bar=2"],
  ["a key of 257 characters", `foo=1,${"z".repeat(257)}=1`],
  ["two signs", "foo=bar=baz"],
  ["no value", "foo=,bar=3"],
  ["a value of 257 characters", `foo=${"v".repeat(257)}`],
  ["one key twice", "foo=1,foo=2"],
  ["33 members", Array.from({ length: 33 }, (_, at) => `k${at}=1`).join(",")],
])("a tracestate with %s is left out", (_what, text) => {
  expect(passableTracestate(text)).toBeUndefined();
});

test("32 members, blanks and tabs around them, empty members and keys of 256 characters are allowed", () => {
  const most = Array.from({ length: 32 }, (_, at) => `k${at}=1`).join(",");
  for (const text of [most, "foo=1 \t , \t bar=2", "foo=1,,bar=2", `foo=1,${"z".repeat(256)}=1`])
    expect(passableTracestate(text)).toBe(text);
});
