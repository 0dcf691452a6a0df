import { expect, test } from "vitest";
import { testDatabase, type TestDatabase } from "#server/db/test-database.ts";
import type { Role } from "#server/db/generated/enums.ts";
import { recordUsage } from "#server/metering/ledger.ts";
import { newId, type Id } from "#server/std/id.ts";
import { dismissAlerts, listAlerts, raiseAlerts, standingAlert } from "./alerts.ts";
import { keepBudgets } from "./budget-keeper.ts";
import { CPU_HOUR_NS } from "./price-book.ts";
import { setAlertShares, setCap } from "./spending-rule.ts";
import { testClock, testOrganization } from "./test-organization.ts";

const createdAt = "2026-11-03T09:12:00Z";
const userId = "usr_ada";
const mail = { billingUrl: (slug: string) => `http://localhost:3000/${slug}/billing` };

function toolsOf({ db }: TestDatabase) {
  return { db, clock: testClock("2026-11-24T10:30:00Z"), mail };
}

let seq = 0n;

/** CPU of one background fact: it moves the budget's counters as every fact does. */
async function useCpu({ db }: TestDatabase, organizationId: string, cpuNs: bigint): Promise<void> {
  seq += 1n;
  const fact = { organizationId, functionId: "fn_1", versionId: "ver_1", requestId: null, method: null, path: null };
  const none = { status: null, wallUs: 0, ingressBytes: 0, egressBytes: 0, coldStart: false, outcome: "ok" };
  const key = { epoch: 1n, seq, kind: "background" as const, occurredAtMs: Date.parse("2026-11-24T10:20:00Z") };
  await recordUsage(db, [{ ...fact, ...none, ...key, cpuNs: Number(cpuNs) }]);
}

async function member({ db }: TestDatabase, of: { organizationId: string; role: Role; email: string }) {
  const id = newId("user");
  await db.user.create({ data: { id, name: "Somebody", email: of.email }, select: { id: true } });
  await db.member.create({
    data: { organizationId: of.organizationId, userId: id, role: of.role },
    select: { userId: true },
  });
}

const sharesOf = async ({ db }: TestDatabase, id: Id<"organization">) =>
  (await listAlerts(db, id)).map(({ share }) => share).toReversed();

test("each share of the cap is told once, by mail to those who may read the bill, the greatest new one only", async () => {
  await using database = await testDatabase();
  const tools = toolsOf(database);
  const organizationId = await testOrganization(database.db, { plan: "pro", createdAt });
  for (const role of ["owner", "admin", "developer", "billing", "viewer"] as const)
    await member(database, { organizationId, role, email: `${role}@example.com` });
  await keepBudgets(tools);
  await setCap(tools, { organizationId, userId, capCents: 80n });
  expect(await raiseAlerts(tools)).toBe(0);
  // Ten CPU-hours are included; six more cost 48 cents, 60 % of the cap.
  await useCpu(database, organizationId, 16n * CPU_HOUR_NS);
  expect(await raiseAlerts(tools)).toBe(1);
  expect(await raiseAlerts(tools)).toBe(0);
  await useCpu(database, organizationId, (7n * CPU_HOUR_NS) / 2n); // 28 cents more: 95 %
  expect(await raiseAlerts(tools)).toBe(2);
  expect(await sharesOf(database, organizationId)).toEqual([50, 75, 90]);
  const mails = await database.db.mailMessage.findMany({
    orderBy: { subject: "asc" },
    select: { to: true, subject: true },
  });
  const to = ["owner@example.com", "admin@example.com", "billing@example.com"];
  expect(mails).toEqual([
    ...to.map((to) => ({ to, subject: "Acme: 50 % of the spending cap is spent" })),
    ...to.map((to) => ({ to, subject: "Acme: 90 % of the spending cap is spent" })),
  ]);
  const { text } = await database.db.mailMessage.findFirstOrThrow({ where: { subject: { contains: "90" } } });
  expect(text).toContain("90 % of the spending cap of $0.80 is reached: $0.76 is spent.");
});

test("consoles that look at the same time tell it once", async () => {
  await using database = await testDatabase();
  const tools = toolsOf(database);
  const organizationId = await testOrganization(database.db, { plan: "pro", createdAt });
  await member(database, { organizationId, role: "owner", email: "owner@example.com" });
  await keepBudgets(tools);
  await setCap(tools, { organizationId, userId, capCents: 80n });
  await useCpu(database, organizationId, 20n * CPU_HOUR_NS);
  const told = await Promise.all([raiseAlerts(tools), raiseAlerts(tools), raiseAlerts(tools)]);
  expect(told.reduce((sum, one) => sum + one, 0)).toBe(4);
  expect(await database.db.mailMessage.count()).toBe(1);
});

test("another cap has shares of its own, and going back to a cap tells nothing twice", async () => {
  await using database = await testDatabase();
  const tools = toolsOf(database);
  const organizationId = await testOrganization(database.db, { plan: "pro", createdAt });
  await keepBudgets(tools);
  await setAlertShares(tools, { organizationId, userId, alertShares: [50] });
  await useCpu(database, organizationId, 15n * CPU_HOUR_NS); // 40 cents
  for (const [capCents, told] of [
    [80n, 1],
    [100n, 0],
    [70n, 1],
    [80n, 0],
  ] as const) {
    await setCap(tools, { organizationId, userId, capCents });
    expect(await raiseAlerts(tools)).toBe(told);
  }
});

test("on Free the shares are those of the fullest included amount, and a refused call means that it is used up", async () => {
  await using database = await testDatabase();
  const tools = { ...toolsOf(database), mail: null };
  const organizationId = await testOrganization(database.db, { plan: "free", createdAt });
  await keepBudgets(tools);
  await useCpu(database, organizationId, (CPU_HOUR_NS * 3n) / 2n);
  await raiseAlerts(tools);
  expect(await sharesOf(database, organizationId)).toEqual([50, 75]);
  await database.db.allowance.update({
    where: { organizationId },
    data: { requestsRefused: 1n },
    select: { organizationId: true },
  });
  await raiseAlerts(tools);
  expect(await sharesOf(database, organizationId)).toEqual([50, 75, 90, 100]);
  expect(await database.db.mailMessage.count()).toBe(0);
});

test("the bar shows the greatest alert of the month until somebody dismisses it, and the list keeps all", async () => {
  await using database = await testDatabase();
  const tools = toolsOf(database);
  const organizationId = await testOrganization(database.db, { plan: "pro", createdAt });
  await keepBudgets(tools);
  await setCap(tools, { organizationId, userId, capCents: 100n });
  await useCpu(database, organizationId, 20n * CPU_HOUR_NS);
  await raiseAlerts(tools);
  expect(await standingAlert(tools, organizationId)).toMatchObject({ share: 75, capCents: 100n, spentCents: 80n });
  await dismissAlerts(tools, organizationId);
  expect(await standingAlert(tools, organizationId)).toBeNull();
  await useCpu(database, organizationId, 2n * CPU_HOUR_NS);
  await raiseAlerts(tools);
  expect(await standingAlert(tools, organizationId)).toMatchObject({ share: 90 });
  tools.clock.at = "2026-12-01T00:00:00Z";
  expect(await standingAlert(tools, organizationId)).toBeNull();
  expect(await sharesOf(database, organizationId)).toEqual([50, 75, 90]);
});
