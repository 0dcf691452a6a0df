import { expect, test } from "vitest";
import { testDatabase } from "#server/db/test-database.ts";
import { recordUsage, type UsageFact } from "./ledger.ts";
import { pruneUsageMinutes } from "./usage-minutes.ts";
import { usageReport } from "./usage.ts";

const organizationId = "org_1";
const from = new Date("2026-11-01T00:00:00Z");
const to = new Date("2026-12-01T00:00:00Z");

function fact(seq: number, overrides: Partial<UsageFact> = {}): UsageFact {
  return {
    epoch: 1n,
    seq: BigInt(seq),
    kind: "request",
    organizationId,
    functionId: "fn_1",
    versionId: "ver_1",
    requestId: `req_${seq}`,
    occurredAtMs: Date.parse("2026-11-24T10:59:59.999Z"),
    method: "GET",
    path: "/",
    status: 200,
    outcome: "ok",
    wallUs: 1000,
    cpuNs: 5000,
    ingressBytes: 0,
    egressBytes: 12,
    coldStart: false,
    ...overrides,
  };
}

test("a fact that is shipped twice counts once", async () => {
  await using database = await testDatabase();
  expect(await recordUsage(database.db, [fact(1), fact(2)])).toBe(2);
  expect(await recordUsage(database.db, [fact(2), fact(3)])).toBe(1);
  const report = await usageReport(database.db, { organizationId, from, to, now: to });
  expect(report.total).toEqual({ requests: 3n, cpuNs: 15_000n, egressBytes: 36n });
});

test("CPU after the answer and in the background is charged without being a request; what is free is kept and not charged", async () => {
  await using database = await testDatabase();
  await recordUsage(database.db, [
    fact(1),
    fact(2, { kind: "after", status: null, egressBytes: 0 }),
    fact(3, { kind: "background", status: null, egressBytes: 0 }),
    fact(4, { kind: "unbilled", status: null, cpuNs: 1_000_000, egressBytes: 0 }),
  ]);
  const report = await usageReport(database.db, { organizationId, from, to, now: to });
  expect(report.total).toEqual({ requests: 1n, cpuNs: 15_000n, egressBytes: 12n });
  expect(await database.db.usageEvent.count()).toBe(4);
});

test("usage falls into the UTC hour in which the request came", async () => {
  await using database = await testDatabase();
  await recordUsage(database.db, [
    fact(1),
    fact(2, { occurredAtMs: Date.parse("2026-11-24T11:00:00.000Z"), status: 502 }),
  ]);
  const hours = await database.db.usageHour.findMany({
    orderBy: { hourAt: "asc" },
    select: { hourAt: true, requests: true, failures: true },
  });
  expect(hours).toEqual([
    { hourAt: new Date("2026-11-24T10:00:00Z"), requests: 1n, failures: 0n },
    { hourAt: new Date("2026-11-24T11:00:00Z"), requests: 1n, failures: 1n },
  ]);
});

test("requests are counted by the minute for charts, once, and go when no chart shows them any more", async () => {
  await using database = await testDatabase();
  const { db } = database;
  const batch = [fact(1), fact(2, { status: 503 }), fact(3, { kind: "after", status: null })];
  await recordUsage(db, batch);
  await recordUsage(db, [...batch, fact(4, { occurredAtMs: Date.parse("2026-11-24T11:00:00.000Z") })]);
  const minutes = () =>
    db.usageMinute.findMany({
      orderBy: { minuteAt: "asc" },
      select: { minuteAt: true, requests: true, failures: true },
    });
  const second = { minuteAt: new Date("2026-11-24T11:00:00Z"), requests: 1, failures: 0 };
  expect(await minutes()).toEqual([{ minuteAt: new Date("2026-11-24T10:59:00Z"), requests: 2, failures: 1 }, second]);
  const clock = { nowMs: () => Date.parse("2026-12-02T11:00:00Z"), monotonicUs: () => 0 };
  expect(await pruneUsageMinutes({ db, clock })).toBe(1);
  expect(await minutes()).toEqual([second]);
});

test("a NUL in a path does not hold up the ledger", async () => {
  await using database = await testDatabase();
  await recordUsage(database.db, [fact(1, { path: "/a\0b" })]);
  expect(await database.db.usageEvent.findFirst({ select: { path: true } })).toEqual({ path: "/a\u{FFFD}b" });
});

test("another organization's usage is not in the report", async () => {
  await using database = await testDatabase();
  await recordUsage(database.db, [fact(1, { organizationId: "org_2" })]);
  const report = await usageReport(database.db, { organizationId, from, to, now: to });
  expect(report.total.requests).toBe(0n);
  expect(report.byFunction).toEqual([]);
});
