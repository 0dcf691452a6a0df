import { afterAll, beforeAll, expect, test } from "vitest";
import { testDatabase, type TestDatabase } from "#server/db/test-database.ts";
import { systemClock } from "#server/std/clock.ts";
import { signInWithProvider } from "./identity.ts";
import { addOrganization } from "./organization.ts";
import { signUp } from "./sign-up.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database[Symbol.asyncDispose]());

const github = { provider: "github", providerAccountId: "42", name: "Grace", email: "grace@example.com", image: null };

test("an outside account is one user, however often and however fast it comes back, whatever its email is by then", async () => {
  const { db } = database;
  const results = await Promise.all([signInWithProvider(db, github), signInWithProvider(db, github)]);
  results.push(await signInWithProvider(db, { ...github, email: "renamed@example.com" }));
  expect(results[0]?.kind).toBe("signed_in");
  expect(new Set(results.map((result) => JSON.stringify(result))).size).toBe(1);
  expect(await db.user.count()).toBe(1);
});

test("it is never joined to an account with a password, since that may be someone else's", async () => {
  const { db } = database;
  const account = { name: "Ada", email: "ada@example.com", password: "correct horse battery", organization: "Acme" };
  await signUp({ db, clock: systemClock }, { ...account, clientAddress: "192.0.2.1" });
  const other = { ...github, providerAccountId: "43", email: "Ada@Example.com" };
  expect(await signInWithProvider(db, other)).toEqual({ kind: "email_taken" });
  expect(await signInWithProvider(db, { ...other, email: "" })).toEqual({ kind: "no_email" });
});

test("who came in that way makes an organization and owns it", async () => {
  const { db } = database;
  const result = await signInWithProvider(db, { ...github, providerAccountId: "44", email: "new@example.com" });
  if (result.kind !== "signed_in") throw new Error("expected to be signed in");
  const { slug } = await addOrganization(db, { userId: result.userId, name: "Ünïcode Team" });
  expect(slug).toBe("unicode-team");
  expect(await db.member.findFirst({ where: { userId: result.userId }, select: { role: true } })).toEqual({
    role: "owner",
  });
});
