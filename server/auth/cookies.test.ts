import { expect, test } from "vitest";
import { authCookies } from "./cookies.ts";

test("no page script reads a session, and over https it never travels in the clear nor from another host", () => {
  const { sessionToken } = authCookies("https://console.example.com");
  expect(sessionToken?.name).toMatch(/^__Host-/);
  expect(sessionToken?.options).toMatchObject({ httpOnly: true, sameSite: "lax", secure: true, path: "/" });
  expect(authCookies("http://localhost:3000").sessionToken?.options.secure).toBe(false);
});

test("two consoles on one host keep their sessions apart", () => {
  const names = ["http://localhost:3000", "http://localhost:3001"].map((url) => authCookies(url).sessionToken?.name);
  expect(new Set(names).size).toBe(2);
});
