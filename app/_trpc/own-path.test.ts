import { expect, test } from "vitest";
import { isOwnPath } from "./own-path.ts";

test("a link to sign in can't send anyone on to another site", () => {
  expect(
    ["//evil.example", "/\\evil.example", "https://evil.example", "/\t/evil.example", "/@evil", ""].filter(isOwnPath),
  ).toEqual([]);
});

test("a page of the console is found again after signing in", () => {
  expect(isOwnPath("/acme/functions/hello/logs")).toBe(true);
});
