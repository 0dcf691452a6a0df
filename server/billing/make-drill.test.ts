import { afterAll, beforeAll, expect, test } from "vitest";
import { testDatabase, type TestDatabase } from "#server/db/test-database.ts";
import { budgetState } from "#server/metering/budget.ts";
import { takeLease } from "#server/metering/lease.ts";
import { beginEpoch, markDrained, recordUsage } from "#server/metering/ledger.ts";
import { sealHours } from "#server/metering/seals.ts";
import { usageFact } from "#server/metering/test-usage.ts";
import { servingFunctions, versionToRun } from "#server/functions/serving.ts";
import { systemClock } from "#server/std/clock.ts";
import { newId, type Id } from "#server/std/id.ts";
import { raiseAlerts } from "./alerts.ts";
import { keepBudgets } from "./budget-keeper.ts";
import { listDebtors } from "./debtors.ts";
import { closeMonths } from "./month-close.ts";
import { makeDrill, type Drill } from "./make-drill.ts";
import { setPause } from "./spending-rule.ts";
import { testFunction } from "./test-function.ts";
import { testClock, testOrganization } from "./test-organization.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database[Symbol.asyncDispose]());

const createdAt = "2026-11-01T00:00:00Z";
const START = Date.now();

/** So many seconds after the tests began. */
function make(organizationId: Id<"organization">, afterS = 0, functionName = "hello"): Promise<Drill> {
  return makeDrill(
    {
      db: database.db,
      clock: { ...systemClock, nowMs: () => START + afterS * 1_000 },
      gateway: {
        port: 1,
        hostOf: ({ functionName: name, organizationSlug }) => `${name}--${organizationSlug}.localhost`,
      },
    },
    { organizationId, userId: newId("user"), functionName, terms: { capCents: 5n, calls: 2_000 } },
  );
}

async function endDrill({ id }: Drill): Promise<void> {
  await database.db.floodDrill.update({ where: { id }, data: { endedAt: new Date() }, select: { id: true } });
}

async function tenant(name = "hello"): Promise<Id<"organization">> {
  const id = await testOrganization(database.db, { plan: "pro", createdAt });
  await testFunction(database.db, { organizationId: id, name });
  return id;
}

test("the copy runs the very version that serves, on the tenant's plan, at an address that nobody can guess and one label holds", async () => {
  const { db } = database;
  const name = "a".repeat(30);
  const organizationId = await tenant(name);
  const drill = await make(organizationId, 0, name);
  await endDrill(drill);
  const [original] = await servingFunctions(db, { organizationId });
  const [copy] = await servingFunctions(db, { organizationId: drill.temporaryId });
  expect(copy).toMatchObject({ functionName: name, plan: "pro", stoppedBecause: null });
  const [label = ""] = drill.host.split(".");
  expect(label).toMatch(/^a{30}--drill-[0-9a-z]{20}$/);
  expect(label.length).toBeLessThanOrEqual(63);
  const runs = async (versionId = "") => {
    const spec = await versionToRun(db, versionId);
    return { ...spec, versionId: null, functionId: null, organizationId: null };
  };
  expect(await runs(copy?.shares[0]?.versionId)).toEqual(await runs(original?.shares[0]?.versionId));
  expect(await db.member.count({ where: { organizationId: drill.temporaryId } })).toBe(0);
});

test("a function that isn't deployed, and one of others, can't be drilled, and nothing is made", async () => {
  const { db } = database;
  const [organizationId, other] = [await tenant(), await tenant("theirs")];
  await db.function.create({ data: { id: newId("function"), organizationId, name: "new" }, select: { id: true } });
  await expect(make(organizationId, 0, "new")).rejects.toMatchObject({ code: "conflict" });
  await expect(make(organizationId, 0, "theirs")).rejects.toMatchObject({ code: "not_found" });
  expect(await db.organization.count({ where: { drillOf: { in: [organizationId, other] } } })).toBe(0);
  expect(await db.floodDrill.count({ where: { organizationId } })).toBe(0);
});

test("an organization has one drill at a time, one a minute, and twenty in a day", async () => {
  const { db } = database;
  const organizationId = await tenant();
  const outcomes = await Promise.allSettled([make(organizationId), make(organizationId)]);
  const [first] = outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
  const [second] = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason] : []));
  expect(second).toMatchObject({ code: "conflict", message: expect.stringContaining("under way") });
  if (!first) throw new Error("neither drill started");
  await endDrill(first);
  await expect(make(organizationId, 59)).rejects.toMatchObject({ code: "too_many", message: /in 1 s/ });
  await endDrill(await make(organizationId, 60));
  for (let more = 2; more < 20; more += 1) await endDrill(await make(organizationId, 60 * more));
  await expect(make(organizationId, 3_600)).rejects.toMatchObject({ code: "too_many", message: /20 drills/ });
  await endDrill(await make(organizationId, 24 * 3_600 + 1));
  expect(await db.floodDrill.count({ where: { organizationId } })).toBe(21);
});

test("two drills run at a time in an installation, and one whose console is gone counts no more", async () => {
  const [one, two, three] = [await tenant(), await tenant(), await tenant()];
  const drills = [await make(one), await make(two)];
  await expect(make(three)).rejects.toMatchObject({ code: "unavailable" });
  const third = await make(three, 91);
  for (const drill of [...drills, third]) await endDrill(drill);
});

test("who is paused can't have its functions run by a drill", async () => {
  const organizationId = await tenant();
  await setPause(database, { organizationId, userId: newId("user"), pausedBecause: "Paused: it mines coins." });
  await expect(make(organizationId)).rejects.toMatchObject({ code: "conflict", message: "Paused: it mines coins." });
});

test("while a drill runs, nothing that keeps or tells tenants sees its organization", async () => {
  const { db } = database;
  const organizationId = await tenant();
  const drill = await make(organizationId);
  const before = await budgetState(db, drill.temporaryId);
  expect(before.budget?.mostCents).toBe(5_000_000n);
  const epoch = await beginEpoch(db, { node: "test", region: "local" });
  const much = { requests: 2_000n, cpuNs: 0n, egressBytes: 0n };
  expect(await takeLease(db, { organizationId: drill.temporaryId, epoch, want: much, least: much })).toMatchObject({
    because: "used_up",
  });
  await db.billingMark.deleteMany({});
  await keepBudgets({ db, clock: systemClock });
  await raiseAlerts({ db, clock: systemClock, mail: { billingUrl: () => "http://localhost/" } });
  const after = await budgetState(db, drill.temporaryId);
  expect(after.refused).toEqual(much);
  expect({ ...after, refused: null }).toEqual(before);
  expect(await db.spendingAlert.count({ where: { organizationId: drill.temporaryId } })).toBe(0);
  expect((await budgetState(db, organizationId)).budget?.mostCents).toBe(2_000n);
  const seen = async (search: string) =>
    (await listDebtors({ db, clock: systemClock }, { search, page: 0 })).debtors.map(({ id }) => id);
  expect(await seen("Flood drill")).toEqual([]);
  expect(await seen("")).not.toContain(drill.temporaryId);
  expect(await seen("")).toContain(organizationId);
  await endDrill(drill);
});

test("usage of a drill that was left behind is never sealed, and never on an invoice", async () => {
  await using own = await testDatabase();
  const { db } = own;
  const organizationId = await testOrganization(db, { plan: "pro", createdAt });
  await testFunction(db, { organizationId, name: "hello" });
  const madeAt = "2026-11-24T10:30:00Z";
  const drill = await makeDrill(
    { db, clock: testClock(madeAt), gateway: { port: 1, hostOf: () => "unused.localhost" } },
    { organizationId, userId: newId("user"), functionName: "hello", terms: { capCents: 5n, calls: 400 } },
  );
  const epoch = await beginEpoch(db, { node: "test", region: "local" });
  const facts = [organizationId, drill.temporaryId].map((id) =>
    usageFact({ epoch, organizationId: id, occurredAtMs: Date.parse(madeAt) }),
  );
  await recordUsage(db, facts);
  await markDrained(db, epoch);
  const clock = testClock("2026-12-02T00:00:00Z");
  expect(await sealHours({ db, clock })).toEqual({ sealed: 1, unequal: [] });
  expect(await closeMonths({ db, clock, mail: null })).toBe(1);
  expect(await db.usageSeal.count({ where: { organizationId: drill.temporaryId } })).toBe(0);
  expect(await db.invoice.count({ where: { organizationId: drill.temporaryId } })).toBe(0);
  expect(await db.invoice.count({ where: { organizationId } })).toBe(1);
});

test("a drill that crosses the end of a month has one budget, not two", async () => {
  const organizationId = await tenant();
  const lastSecond = (Date.UTC(2027, 0, 1) - 1_000 - START) / 1_000;
  const { budget } = await make(organizationId, lastSecond);
  expect(budget.period).toEqual({ from: new Date("2026-12-01T00:00:00Z"), to: new Date("2027-02-01T00:00:00Z") });
});
