import { expect, test } from "vitest";
import { Seal } from "./seal.ts";

const seal = new Seal("k".repeat(32));

test("a sealed secret opens for its own purpose and with its own key only, and doesn't show itself", () => {
  const sealed = seal.seal("a secret ü", "s3-key:sak_1");
  expect(seal.open(sealed, "s3-key:sak_1")).toBe("a secret ü");
  expect(sealed).not.toContain("secret");
  expect(() => seal.open(sealed, "s3-key:sak_2")).toThrow();
  expect(() => new Seal("l".repeat(32)).open(sealed, "s3-key:sak_1")).toThrow();
});

test("one bit changed, a text cut short, and one that was never sealed are refused", () => {
  const bytes = Buffer.from(seal.seal("a secret", "p").slice(3), "base64url");
  for (const at of bytes.keys()) {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ 1;
    expect(() => seal.open(`v1.${changed.toString("base64url")}`, "p")).toThrow();
  }
  for (const text of [
    "",
    "v1.",
    "v1.AAAA",
    `v2.${bytes.toString("base64url")}`,
    `v1.${bytes.subarray(0, -1).toString("base64url")}`,
  ])
    expect(() => seal.open(text, "p")).toThrow();
});

test("the same text sealed twice looks different", () => {
  expect(seal.seal("a", "p")).not.toBe(seal.seal("a", "p"));
});
