import { expect, test } from "vitest";
import { contentHash, readSource } from "./source.ts";

const index = { path: "index.ts", content: "export default {};" };

test.each([
  "../a.ts",
  "a/../../b.ts",
  "/etc/passwd",
  "a\\b.ts",
  "a\0b.ts",
  "a\nb.ts",
  "a//b.ts",
  "./a.ts",
  "",
  "a/",
  "\ud800.ts",
  "C:/a.ts",
  "a\u202etxt.ts",
  "node_modules/hono/index.js",
  "x".repeat(201),
])("the path %j is refused with a reason", (path) => {
  expect(() => readSource([index, { path, content: "" }])).toThrow(
    expect.objectContaining({ name: "Fault", code: "invalid" }),
  );
});

test.each(["src/über.ts", "a b.ts", "[id].ts", ".env.example", "src/..a.ts"])("the path %j is fine", (path) => {
  expect(readSource([index, { path, content: "" }]).kind).toBe("read");
});

test("content that Postgres could not keep as it is, is refused", () => {
  for (const content of ["a\0b", "\udfff"]) {
    expect(() => readSource([{ path: "index.ts", content }])).toThrow(expect.objectContaining({ code: "invalid" }));
  }
});

test("10,000 files and 64 MB are refused with what to do instead", () => {
  const many = Array.from({ length: 10_000 }, (_, n) => ({ path: `f${n}.ts`, content: "" }));
  expect(() => readSource(many)).toThrow(/10000 files are too many. Keep to 500/);
  expect(() => readSource([{ path: "index.ts", content: "x".repeat(64 * 1024 * 1024) }])).toThrow(
    /64.0 MB of source is too much. Keep to 10 MB/,
  );
});

test("a path may not be there twice, nor be a file and a folder", () => {
  expect(() => readSource([index, index])).toThrow(/twice/);
  expect(() => readSource([index, { path: "a", content: "" }, { path: "a/b/c.ts", content: "" }])).toThrow(
    /file and a folder/,
  );
});

test("a slip in package.json is shown at its line", () => {
  const result = readSource([index, { path: "package.json", content: '{\n  "main": "a.ts",\n}' }]);
  expect(result).toMatchObject({ kind: "failed", errors: [{ file: "package.json", line: 3, column: 1 }] });
  const missing = readSource([index, { path: "package.json", content: '{\n  "main": "a.ts"\n}' }]);
  expect(missing).toMatchObject({ kind: "failed", errors: [{ file: "package.json", line: 2 }] });
});

test("the same files have the same hash in any order, and other settings another", () => {
  const forward = new Map([
    ["a", "1"],
    ["b", "2"],
  ]);
  const backward = new Map([
    ["b", "2"],
    ["a", "1"],
  ]);
  expect(contentHash(forward, {})).toBe(contentHash(backward, {}));
  expect(contentHash(forward, { x: 1 })).not.toBe(contentHash(forward, {}));
  expect(contentHash(new Map([["a", '1"],["b","2']]), {})).not.toBe(contentHash(forward, {}));
});
