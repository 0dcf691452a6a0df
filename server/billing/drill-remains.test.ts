import { afterAll, beforeAll, expect, test } from "vitest";
import { testDatabase, type TestDatabase } from "#server/db/test-database.ts";
import { budgetState } from "#server/metering/budget.ts";
import { takeLease } from "#server/metering/lease.ts";
import { beginEpoch, recordUsage, type UsageFact } from "#server/metering/ledger.ts";
import { recordLogs } from "#server/metering/logs.ts";
import { systemClock } from "#server/std/clock.ts";
import { newId, type Id } from "#server/std/id.ts";
import { sweepDrills } from "./drill-remains.ts";
import { latestDrill } from "./drill-view.ts";
import { makeDrill, type Drill } from "./make-drill.ts";
import { testFunction } from "./test-function.ts";
import { testOrganization } from "./test-organization.ts";

let database: TestDatabase;
let epoch: bigint;
beforeAll(async () => {
  database = await testDatabase();
  epoch = await beginEpoch(database.db, { node: "test", region: "local" });
});
afterAll(() => database[Symbol.asyncDispose]());

const START = Date.now();
const after = (minutes: number) => ({ ...systemClock, nowMs: () => START + minutes * 60_000 });

async function startOne(): Promise<{ organizationId: Id<"organization">; functionId: Id<"function">; drill: Drill }> {
  const { db } = database;
  const organizationId = await testOrganization(db, { plan: "pro", createdAt: "2026-11-01T00:00:00Z" });
  const functionId = await testFunction(db, { organizationId, name: "hello" });
  const gateway = { port: 1, hostOf: () => "unused.localhost" };
  const drill = await makeDrill(
    { db, clock: after(0), gateway },
    { organizationId, userId: newId("user"), functionName: "hello", terms: { capCents: 5n, calls: 400 } },
  );
  return { organizationId, functionId, drill };
}

let seq = 0n;
function fact(of: { organizationId: string; functionId: string }, kind: UsageFact["kind"] = "request"): UsageFact {
  seq += 1n;
  const rest = { requestId: null, method: "GET", path: "/", status: 200, outcome: "ok", coldStart: false };
  const used = { wallUs: 1, cpuNs: 1_000, ingressBytes: 0, egressBytes: 10 };
  return { epoch, seq, kind, ...of, versionId: newId("version"), occurredAtMs: START, ...rest, ...used };
}

const ofDrill = ({ temporaryId, temporaryFunctionId }: Drill) => ({
  organizationId: temporaryId,
  functionId: temporaryFunctionId,
});

async function print(of: { organizationId: string; functionId: string }): Promise<void> {
  seq += 1n;
  const line = { epoch, seq, ...of, versionId: newId("version"), requestId: null, atMs: START };
  await recordLogs(database.db, [{ ...line, level: "log", message: "hello" }]);
}

/** Rows of an organization, wherever they may be. */
async function remains(organizationId: Id<"organization">): Promise<Record<string, number>> {
  const { db } = database;
  const where = { organizationId };
  return {
    organizations: await db.organization.count({ where: { id: organizationId } }),
    functions: await db.function.count({ where }),
    versions: await db.version.count({ where: { function: where } }),
    budgets: await db.allowance.count({ where }),
    leases: await db.allowanceLease.count({ where }),
    facts: await db.usageEvent.count({ where }),
    hours: await db.usageHour.count({ where }),
    minutes: await db.usageMinute.count({ where }),
    seals: await db.usageSeal.count({ where }),
    lines: await db.logLine.count({ where }),
  };
}

const nothing = {
  organizations: 0,
  functions: 0,
  versions: 0,
  budgets: 0,
  leases: 0,
  facts: 0,
  hours: 0,
  minutes: 0,
  seals: 0,
  lines: 0,
};

test("a drill whose console was stopped is removed with all that it was made of after ten minutes, and nothing of its tenant", async () => {
  const { db } = database;
  const { organizationId, functionId, drill } = await startOne();
  const want = { requests: 10n, cpuNs: 0n, egressBytes: 0n };
  await takeLease(db, { organizationId: drill.temporaryId, epoch, want, least: want });
  await recordUsage(db, [fact(ofDrill(drill)), fact({ organizationId, functionId })]);
  await print(ofDrill(drill));
  await print({ organizationId, functionId });
  const before = await remains(organizationId);
  expect(await remains(drill.temporaryId)).toEqual({
    organizations: 1,
    functions: 1,
    versions: 1,
    budgets: 1,
    leases: 1,
    facts: 1,
    hours: 1,
    minutes: 1,
    seals: 0,
    lines: 1,
  });

  expect(await sweepDrills({ db, clock: after(9) })).toBe(0);
  expect(await latestDrill({ db, clock: after(9) }, organizationId)).toMatchObject({ stage: { kind: "failed" } });
  expect(await sweepDrills({ db, clock: after(11) })).toBe(1);

  expect(await remains(drill.temporaryId)).toEqual(nothing);
  expect(await remains(organizationId)).toEqual(before);
  expect(await latestDrill({ db, clock: after(11) }, organizationId)).toMatchObject({
    stage: { kind: "failed", message: expect.stringContaining("cut off") },
  });
  expect(await sweepDrills({ db, clock: after(12) })).toBe(0);
});

test("facts and lines that arrive after a drill was removed go as well, those that no counter has among them", async () => {
  const { db } = database;
  const { drill } = await startOne();
  await sweepDrills({ db, clock: after(11) });
  await recordUsage(db, [fact(ofDrill(drill), "unbilled")]);
  expect(await sweepDrills({ db, clock: after(12) })).toBe(1);
  await recordUsage(db, [fact(ofDrill(drill), "background")]);
  await print(ofDrill(drill));
  expect(await remains(drill.temporaryId)).toMatchObject({ facts: 1, hours: 1, lines: 1 });
  expect(await sweepDrills({ db, clock: after(13) })).toBe(1);
  expect(await remains(drill.temporaryId)).toEqual(nothing);
});

test("usage that is recorded while a drill is removed makes neither wait for the other in a circle", async () => {
  const { db } = database;
  for (let round = 0; round < 8; round += 1) {
    const { drill } = await startOne();
    const recording = Array.from({ length: 20 }, () => recordUsage(db, [fact(ofDrill(drill)), fact(ofDrill(drill))]));
    await Promise.all([...recording, sweepDrills({ db, clock: after(11) })]);
    await sweepDrills({ db, clock: after(12) });
    expect(await remains(drill.temporaryId)).toEqual(nothing);
  }
});

test("a report is kept for thirty days", async () => {
  const { db } = database;
  const { organizationId } = await startOne();
  await sweepDrills({ db, clock: after(11) });
  await sweepDrills({ db, clock: after(29 * 24 * 60) });
  expect(await latestDrill({ db, clock: after(0) }, organizationId)).not.toBeNull();
  await sweepDrills({ db, clock: after(31 * 24 * 60) });
  expect(await latestDrill({ db, clock: after(0) }, organizationId)).toBeNull();
  expect((await budgetState(db, organizationId)).verdict).toEqual({ state: "open" });
});
