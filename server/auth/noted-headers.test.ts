import { expect, test } from "vitest";
import { clientAddress } from "./noted-headers.ts";

const socket = { remoteAddress: "192.0.2.1" };
const headers = { "x-forwarded-for": "6.6.6.6, 203.0.113.9" };

test("nobody chooses the address that is counted against them", () => {
  expect(clientAddress({ headers, socket }, false)).toBe("192.0.2.1");
  expect(clientAddress({ headers, socket }, true)).toBe("203.0.113.9");
  expect(clientAddress({ headers: {}, socket }, true)).toBe("192.0.2.1");
});
