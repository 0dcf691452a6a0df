import { afterAll, beforeAll, expect, test } from "vitest";
import { testDatabase, type TestDatabase } from "#server/db/test-database.ts";
import { systemClock } from "#server/std/clock.ts";
import { signIn } from "./sign-in.ts";
import { signUp, signUpRequest } from "./sign-up.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database[Symbol.asyncDispose]());

const password = "correct horse battery";

function register(account: { email: string; organization: string; password?: string }) {
  const request = signUpRequest.parse({ name: "Ada", password, ...account });
  return signUp({ db: database.db, clock: systemClock }, { ...request, clientAddress: "192.0.2.1" });
}

test("of two who sign up first at once, one becomes the operator, and each owns the organization made for it", async () => {
  await Promise.all([
    register({ email: "First@Example.com", organization: "First & Co." }),
    register({ email: "second@example.com", organization: "Second" }),
  ]);
  const users = await database.db.user.findMany({
    orderBy: { email: "asc" },
    select: {
      email: true,
      isOperator: true,
      memberships: { select: { role: true, organization: { select: { slug: true } } } },
    },
  });
  expect(users.filter((user) => user.isOperator)).toHaveLength(1);
  expect(users.map((user) => [user.email, user.memberships])).toEqual([
    ["first@example.com", [{ role: "owner", organization: { slug: "first-co" } }]],
    ["second@example.com", [{ role: "owner", organization: { slug: "second" } }]],
  ]);
  expect(await database.db.auditEntry.count({ where: { action: "organization.created" } })).toBe(2);
});

test("a taken email or organization is refused at its field, and leaves nothing behind", async () => {
  await register({ email: "taken@example.com", organization: "Taken" });
  const before = await database.db.user.count();
  await expect(register({ email: "TAKEN@example.com", organization: "Other" })).rejects.toMatchObject({
    code: "conflict",
    field: "email",
  });
  await expect(register({ email: "new@example.com", organization: "taken" })).rejects.toMatchObject({
    code: "conflict",
    field: "organization",
  });
  await expect(register({ email: "new@example.com", organization: "Sign in" })).rejects.toMatchObject({
    code: "invalid",
    field: "organization",
  });
  await expect(register({ email: "new@example.com", organization: "株式会社" })).rejects.toMatchObject({
    code: "invalid",
    field: "organization",
  });
  expect(await database.db.user.count()).toBe(before);
  expect(await database.db.organization.count({ where: { slug: "other" } })).toBe(0);
});

test.each(["short", "aaaaaaaaaaaa", "Password2026!", "weak@example.com"])(
  "the weak password %s is refused at its field",
  async (weak) => {
    const attempt = register({ email: "weak@example.com", organization: "Weak", password: weak });
    await expect(attempt).rejects.toMatchObject({ code: "invalid", field: "password" });
  },
);

test("names that Postgres can't hold are refused before they reach it", () => {
  const account = { email: "a@example.com", password, organization: "Acme" };
  expect(signUpRequest.safeParse({ ...account, name: "a\u0000b" }).success).toBe(false);
  expect(signUpRequest.safeParse({ ...account, name: "a\ud800" }).success).toBe(false);
});

test("an unknown email takes about as long as a wrong password", async () => {
  await register({ email: "timed@example.com", organization: "Timed" });
  const timeMs = async (email: string) => {
    const began = performance.now();
    await signIn(
      { db: database.db, clock: systemClock },
      { email, password: "some wrong password", clientAddress: "192.0.2.9" },
    );
    return performance.now() - began;
  };
  await timeMs("warm-up@example.com");
  const known = await timeMs("timed@example.com");
  const unknown = await timeMs("nobody@example.com");
  // A hash takes tens of milliseconds and a look-up one: without the decoy the ratio would be far off.
  expect(unknown / known).toBeGreaterThan(0.3);
});
