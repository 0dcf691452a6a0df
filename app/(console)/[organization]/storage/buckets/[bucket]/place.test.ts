import { expect, test } from "vitest";
import { bucketHref, objectHref, stepsOf } from "./place.ts";

const of = { organization: "acme", bucket: "photos" };

test("a name with marks that mean something in addresses stays one name", () => {
  const key = "a/../b?c=d&e#f%2F ü";
  expect(new URL(objectHref({ ...of, key }), "http://x").searchParams.get("key")).toBe(key);
  expect(new URL(objectHref({ ...of, key }), "http://x").pathname).toBe("/api/objects/acme/photos");
  const { searchParams } = new URL(bucketHref(of, { prefix: key, after: "z" }), "http://x");
  expect([searchParams.get("prefix"), searchParams.get("after")]).toEqual([key, "z"]);
  expect(bucketHref(of)).toBe("/acme/storage/buckets/photos");
});

test("each folder of a prefix is a step, those without a name too", () => {
  expect(stepsOf("a/b/")).toEqual([
    { label: "a", prefix: "a/" },
    { label: "b", prefix: "a/b/" },
  ]);
  expect(stepsOf("/x/")).toEqual([
    { label: "/", prefix: "/" },
    { label: "x", prefix: "/x/" },
  ]);
  expect(stepsOf("")).toEqual([]);
});
