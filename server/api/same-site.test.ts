import { expect, test } from "vitest";
import { isCrossSite } from "./same-site.ts";

const from = (headers: Record<string, string>) =>
  isCrossSite(
    new Request("http://localhost:3000/api/trpc/x", {
      method: "POST",
      headers: { host: "localhost:3000", ...headers },
    }),
  );

test("another site, and a tenant's function on the same site, can't send a member's cookie along", () => {
  expect(from({ "sec-fetch-site": "cross-site" })).toBe(true);
  expect(from({ "sec-fetch-site": "same-site" })).toBe(true);
  expect(from({ origin: "http://hello--acme.localhost:8787" })).toBe(true);
  expect(from({ origin: "null" })).toBe(true);
});

test("the console's own pages, and clients that are no browsers, get through", () => {
  expect(from({ "sec-fetch-site": "same-origin" })).toBe(false);
  expect(from({ origin: "http://localhost:3000" })).toBe(false);
  expect(from({})).toBe(false);
});
