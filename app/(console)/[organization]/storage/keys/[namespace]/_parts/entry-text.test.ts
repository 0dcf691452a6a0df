import { expect, test } from "vitest";
import { editOf, fieldsOf, type Before } from "./entry-text.ts";

const before: Before = { key: "k", value: '{"a":[1,2]}', metadata: '{"m":1}', expiresAtS: 1_900_000_001 };

test("JSON is shown with line breaks, and stored as it was unless it was edited", () => {
  const fields = fieldsOf(before);
  expect(fields.value).toBe('{\n  "a": [\n    1,\n    2\n  ]\n}');
  expect(editOf(fields, before)).toMatchObject({ value: before.value, isNew: false });
  expect(editOf({ ...fields, value: '{"a":[]}' }, before).value).toBe('{"a":[]}');
});

test("what only looks like JSON, a number and plain text are shown as they are", () => {
  for (const value of ["{not json", "12345678901234567890", "hello", "", '"quoted"']) {
    expect(fieldsOf({ ...before, value }).value).toBe(value);
    expect(editOf(fieldsOf({ ...before, value }), { ...before, value }).value).toBe(value);
  }
});

test("a moment goes through the field and back to the second, and an empty field is never", () => {
  const fields = fieldsOf(before);
  expect(editOf(fields, before).expiresAtS).toBe(1_900_000_001);
  expect(editOf(fields, null).expiresAtS).toBe(1_900_000_001);
  expect(editOf({ ...fields, expires: "" }, before).expiresAtS).toBeNull();
  expect(editOf({ ...fields, metadata: " " }, before).metadata).toBeNull();
  expect(editOf(fieldsOf(null), null)).toEqual({ key: "", value: "", metadata: null, expiresAtS: null, isNew: true });
});
