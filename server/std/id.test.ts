import { expect, test } from "vitest";
import { isId, newId } from "./id.ts";

test("ids of a kind differ, tell their kind and are as long as each other", () => {
  for (const kind of ["organization", "request"] as const) {
    const ids = Array.from({ length: 5_000 }, () => newId(kind));
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.every((id) => isId(kind, id) && id.length === newId(kind).length)).toBe(true);
  }
});

test("a request's id sorts after those of every earlier millisecond", async () => {
  const first = newId("request");
  const begunMs = Date.now();
  while (Date.now() === begunMs) await Promise.resolve();
  expect(newId("request") > first).toBe(true);
});
