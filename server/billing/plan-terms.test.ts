import { expect, test } from "vitest";
import { testDatabase, type TestDatabase } from "#server/db/test-database.ts";
import type { PlanName } from "#server/db/generated/enums.ts";
import type { Id } from "#server/std/id.ts";
import { noPayments } from "./no-payments.ts";
import { choosePlan } from "./plan-choice.ts";
import { planTermsOf } from "./plan-terms.ts";
import { testClock, testOrganization, type TestClock } from "./test-organization.ts";

const userId = "usr_ada";

async function chosen(
  database: TestDatabase,
  clock: TestClock,
  of: { organizationId: Id<"organization">; plan: PlanName },
) {
  const { db } = database;
  const tools = { db, payments: noPayments({ db, clock }) };
  return choosePlan(tools, { ...of, userId, returnUrl: "http://localhost/acme/billing" });
}

const termsOf = async ({ db }: TestDatabase, organizationId: Id<"organization">) =>
  (await planTermsOf(db, organizationId)).map(({ from, plan }) => [from.toISOString().slice(0, 16), plan]);

const planOf = async ({ db }: TestDatabase, id: string) =>
  (await db.organization.findUniqueOrThrow({ where: { id }, select: { plan: true } })).plan;

test("moving up holds from the hour that runs, moving down from the next month, and until then nothing changes", async () => {
  await using database = await testDatabase();
  const organizationId = await testOrganization(database.db, { plan: "free", createdAt: "2026-11-03T09:12:00Z" });
  const clock = testClock("2026-11-24T10:30:00Z");
  expect(await chosen(database, clock, { organizationId, plan: "pro" })).toEqual({ kind: "applied" });
  expect(await planOf(database, organizationId)).toBe("pro");
  clock.at = "2026-11-25T00:00:00Z";
  await chosen(database, clock, { organizationId, plan: "free" });
  expect(await planOf(database, organizationId)).toBe("pro");
  expect(await termsOf(database, organizationId)).toEqual([
    ["2026-11-03T09:00", "free"],
    ["2026-11-24T10:00", "pro"],
    ["2026-12-01T00:00", "free"],
  ]);
});

test("choosing the plan that one has takes back the change that was still to come", async () => {
  await using database = await testDatabase();
  const organizationId = await testOrganization(database.db, { plan: "pro", createdAt: "2026-11-03T09:12:00Z" });
  const clock = testClock("2026-11-24T10:30:00Z");
  for (const plan of ["free", "free", "pro"] as const) await chosen(database, clock, { organizationId, plan });
  expect(await termsOf(database, organizationId)).toEqual([["2026-11-03T09:00", "pro"]]);
  expect(await planOf(database, organizationId)).toBe("pro");
});

test("an organization that never chose has had its plan since the hour in which it was made", async () => {
  await using database = await testDatabase();
  const organizationId = await testOrganization(database.db, { plan: "pro", createdAt: "2026-11-03T09:12:00Z" });
  expect(await termsOf(database, organizationId)).toEqual([["2026-11-03T09:00", "pro"]]);
});

test("two who choose at the same moment leave one history", async () => {
  await using database = await testDatabase();
  const organizationId = await testOrganization(database.db, { plan: "free", createdAt: "2026-11-03T09:12:00Z" });
  const clock = testClock("2026-11-24T10:30:00Z");
  await Promise.all(Array.from({ length: 4 }, () => chosen(database, clock, { organizationId, plan: "pro" })));
  expect(await termsOf(database, organizationId)).toEqual([
    ["2026-11-03T09:00", "free"],
    ["2026-11-24T10:00", "pro"],
  ]);
});

test("who chose, and what came of it, is written down", async () => {
  await using database = await testDatabase();
  const organizationId = await testOrganization(database.db, { plan: "free", createdAt: "2026-11-03T09:12:00Z" });
  await chosen(database, testClock("2026-11-24T10:30:00Z"), { organizationId, plan: "pro" });
  const entries = await database.db.auditEntry.findMany({
    orderBy: { at: "asc" },
    select: { organizationId: true, userId: true, action: true, detail: true },
  });
  expect(entries).toEqual([
    { organizationId, userId, action: "plan.chosen", detail: { plan: "pro" } },
    {
      organizationId,
      userId: null,
      action: "plan.changed",
      detail: { from: "free", to: "pro", at: "2026-11-24T10:00:00.000Z" },
    },
  ]);
});

test("without a provider there is no card, and whoever asks for one is told what to do", async () => {
  await using database = await testDatabase();
  const organizationId = await testOrganization(database.db, { plan: "free", createdAt: "2026-11-03T09:12:00Z" });
  const payments = noPayments({ db: database.db, clock: testClock("2026-11-24T10:30:00Z") });
  expect(await payments.card(organizationId)).toBeNull();
  await expect(payments.cardSetup(organizationId, "")).rejects.toMatchObject({
    code: "unavailable",
    message: expect.stringContaining("STRIPE_SECRET_KEY"),
  });
});
