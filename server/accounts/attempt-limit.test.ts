import { afterAll, beforeAll, expect, test } from "vitest";
import { connect } from "#server/db/client.ts";
import { testDatabase, type TestDatabase } from "#server/db/test-database.ts";
import type { Clock } from "#server/std/clock.ts";
import { attemptLimits } from "./attempt-limit.ts";
import { signIn } from "./sign-in.ts";
import { signUp } from "./sign-up.ts";

let database: TestDatabase;
let nowMs = Date.UTC(2026, 10, 24, 12);
const clock: Clock = { nowMs: () => nowMs, monotonicUs: () => 0 };
const email = "ada@example.com";
const password = "correct horse battery";

beforeAll(async () => {
  database = await testDatabase();
  await signUp(
    { db: database.db, clock },
    { name: "Ada", email, password, organization: "Acme", clientAddress: "192.0.2.1" },
  );
});
afterAll(() => database[Symbol.asyncDispose]());

let addresses = 0;
/** From a new address each time, unless one is given. */
function attempt(guess: { email?: string; password: string; clientAddress?: string }, db = database.db) {
  addresses += 1;
  return signIn({ db, clock }, { email, clientAddress: `198.51.100.${addresses}`, ...guess });
}

test("past the limit even the right password is refused, on a console started anew as well, until the window ends", async () => {
  const guesses = Array.from({ length: attemptLimits.email.attemptsMax }, () =>
    attempt({ password: "wrong wrong wrong" }),
  );
  expect((await Promise.all(guesses)).every((result) => result === null)).toBe(true);
  await expect(attempt({ password })).rejects.toMatchObject({ code: "too_many" });
  const restarted = connect(database.url);
  await expect(attempt({ password }, restarted)).rejects.toMatchObject({ code: "too_many" });
  await restarted.$disconnect();
  nowMs += attemptLimits.email.windowMs;
  expect(await attempt({ password })).toMatchObject({ email });
});

test("a burst of guesses at once gets no more tries than one after the other", async () => {
  nowMs += attemptLimits.email.windowMs;
  const burst = Array.from({ length: attemptLimits.email.attemptsMax * 2 }, () =>
    attempt({ password: "wrong wrong wrong" }),
  );
  const results = await Promise.allSettled(burst);
  expect(results.filter((result) => result.status === "fulfilled")).toHaveLength(attemptLimits.email.attemptsMax);
});

test("signing in rightly, however often, is never held against anyone", async () => {
  nowMs += attemptLimits.email.windowMs;
  for (let count = 0; count <= attemptLimits.email.attemptsMax; count += 1) {
    expect(await attempt({ password, clientAddress: "203.0.113.1" })).toMatchObject({ email });
  }
});

test("one address that tries many emails is stopped too", async () => {
  nowMs += attemptLimits.email.windowMs;
  const clientAddress = "203.0.113.7";
  const key = { key: `address:${clientAddress}`, windowAt: new Date(nowMs) };
  await database.db.signInAttempt.create({ data: { ...key, failures: attemptLimits.address.attemptsMax } });
  await expect(attempt({ email: "any@example.com", password, clientAddress })).rejects.toMatchObject({
    code: "too_many",
  });
});
