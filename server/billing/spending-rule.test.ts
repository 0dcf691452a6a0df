import { expect, test } from "vitest";
import { testDatabase } from "#server/db/test-database.ts";
import { currentBill } from "./bill.ts";
import { noPayments } from "./no-payments.ts";
import { CPU_HOUR_NS } from "./price-book.ts";
import { loadSpendingRule, setAlertShares, setCap, setPause } from "./spending-rule.ts";
import { testClock, testOrganization, useHour } from "./test-organization.ts";

const userId = "usr_ada";
const at = "2026-11-24T10:30:00Z";
const createdAt = "2026-11-03T09:12:00Z";

test("Pro has a cap from its first moment, its people set another, and both amounts are written down", async () => {
  await using database = await testDatabase();
  const tools = { db: database.db, clock: testClock(at) };
  const organizationId = await testOrganization(database.db, { plan: "pro", createdAt });
  expect((await loadSpendingRule(database.db, organizationId)).capCents).toBe(2_000n);
  await setCap(tools, { organizationId, userId, capCents: 0n });
  await setCap(tools, { organizationId, userId, capCents: 12_345n });
  expect((await currentBill(tools, organizationId)).cap).toMatchObject({
    cents: 12_345n,
    text: "$123.45",
    isFixed: false,
  });
  const entries = await database.db.auditEntry.findMany({
    where: { action: "spending_cap.changed" },
    orderBy: { at: "asc" },
    select: { detail: true },
  });
  expect(entries.map(({ detail }) => detail)).toEqual([
    { from: "$20.00", to: "$0.00" },
    { from: "$0.00", to: "$123.45" },
  ]);
});

test("Free has a cap of nothing, which nobody sets", async () => {
  await using database = await testDatabase();
  const tools = { db: database.db, clock: testClock(at) };
  const organizationId = await testOrganization(database.db, { plan: "free", createdAt });
  await expect(setCap(tools, { organizationId, userId, capCents: 100n })).rejects.toMatchObject({ code: "conflict" });
  expect((await currentBill(tools, organizationId)).cap).toMatchObject({ cents: 0n, isFixed: true });
});

test("alert shares are kept ascending and each once, and a pause keeps cap and shares", async () => {
  await using database = await testDatabase();
  const tools = { db: database.db, clock: testClock(at) };
  const organizationId = await testOrganization(database.db, { plan: "pro", createdAt });
  await setAlertShares(tools, { organizationId, userId, alertShares: [90, 25, 90] });
  await setPause(tools, { organizationId, userId, pausedBecause: "The owner asked for it." });
  expect(await loadSpendingRule(database.db, organizationId)).toEqual({
    capCents: 2_000n,
    alertShares: [25, 90],
    pausedBecause: "The owner asked for it.",
    unpaidBecause: null,
  });
});

test("the bill is fee and usage, and the cap counts usage only", async () => {
  await using database = await testDatabase();
  const { db } = database;
  const tools = { db, clock: testClock(at) };
  const organizationId = await testOrganization(db, { plan: "free", createdAt });
  await useHour(db, { organizationId, hourAt: "2026-11-20T08:00:00Z", requests: 400_000n });
  await noPayments(tools).changePlan(organizationId, "pro", "");
  await setCap(tools, { organizationId, userId, capCents: 100n });
  await useHour(db, {
    organizationId,
    hourAt: "2026-11-24T10:00:00Z",
    requests: 5_600_000n,
    cpuNs: 15n * CPU_HOUR_NS,
  });
  const bill = await currentBill(tools, organizationId);
  expect(bill.fees).toMatchObject([{ plan: "pro", hours: 158, hoursInMonth: 720, cost: "$1.10" }]);
  expect(bill.lines.map(({ meter, cost }) => [meter, cost])).toEqual([
    ["requests", "$0.30"],
    ["cpu", "$0.40"],
    ["egress", "$0.00"],
    ["storage", "$0.00"],
  ]);
  expect(bill).toMatchObject({ usageCost: "$0.70", total: "$1.80", cap: { left: "$0.30", percentSpent: 70 } });
});

test("on Free the share that counts is the fullest included amount", async () => {
  await using database = await testDatabase();
  const tools = { db: database.db, clock: testClock(at) };
  const organizationId = await testOrganization(database.db, { plan: "free", createdAt });
  const hourAt = "2026-11-24T10:00:00Z";
  await useHour(database.db, { organizationId, hourAt, requests: 100_000n, cpuNs: CPU_HOUR_NS });
  expect((await currentBill(tools, organizationId)).cap).toMatchObject({ percentSpent: 50, left: "$0.00" });
});
