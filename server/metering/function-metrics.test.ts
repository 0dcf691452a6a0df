import { expect, test } from "vitest";
import { testDatabase } from "#server/db/test-database.ts";
import { newId } from "#server/std/id.ts";
import { functionMetrics } from "./function-metrics.ts";

test("counts calls of this function only, in the step when they happened, with exact percentiles", async () => {
  await using database = await testDatabase();
  const { db } = database;
  const organizationId = newId("organization");
  const functionId = newId("function");
  const now = new Date("2026-11-24T12:00:00Z");
  const minutesAgo = (minutes: number) => new Date(now.getTime() - minutes * 60_000);
  const row = (seq: number, minutes: number, wallMs: number, more: object = {}) => ({
    epoch: 1n,
    seq: BigInt(seq),
    kind: "request" as const,
    organizationId,
    functionId,
    versionId: newId("version"),
    occurredAt: minutesAgo(minutes),
    status: 200,
    outcome: "ok",
    wallUs: BigInt(wallMs * 1000),
    cpuNs: BigInt(wallMs * 100_000),
    ingressBytes: 0n,
    egressBytes: 0n,
    ...more,
  });
  await db.usageEvent.createMany({
    data: [
      row(1, 1, 10, { coldStart: true }),
      row(2, 2, 20),
      row(3, 3, 90, { status: 502, outcome: "function_crashed" }),
      row(4, 90, 10),
      row(5, 1, 10, { functionId: newId("function") }),
      row(6, 1, 10, { organizationId: newId("organization") }),
      row(7, 1, 10, { kind: "background" }),
    ],
  });
  const metrics = await functionMetrics(db, { organizationId, functionId, hours: 1, now });
  expect(metrics.total).toMatchObject({ requests: 3, failures: 1, coldStarts: 1, wallMsP50: 20, cpuMsP50: 2 });
  expect(metrics.steps).toHaveLength(48);
  expect(metrics.steps.at(-1)).toMatchObject({ requests: 1, wallMsP50: 10 });
  expect(metrics.steps[0]).toMatchObject({ requests: 0, wallMsP50: null });
});

test("cold starts fall into buckets that end at their bounds, and only those of calls in the span that have a time count", async () => {
  await using database = await testDatabase();
  const { db } = database;
  const organizationId = newId("organization");
  const functionId = newId("function");
  const now = new Date("2026-11-24T12:00:00Z");
  const start = (seq: number, startUs: number | null, more: object = {}) => ({
    epoch: 1n,
    seq: BigInt(seq),
    kind: "request" as const,
    organizationId,
    functionId,
    versionId: newId("version"),
    occurredAt: new Date(now.getTime() - 60_000),
    status: 200,
    outcome: "ok",
    wallUs: 1n,
    cpuNs: 1n,
    ingressBytes: 0n,
    egressBytes: 0n,
    coldStart: true,
    startUs,
    ...more,
  });
  await db.usageEvent.createMany({
    data: [
      start(1, 0),
      start(2, 5_000),
      start(3, 5_001),
      start(4, 30_000),
      start(5, 10_000_001),
      start(6, null),
      start(7, 30_000, { kind: "unbilled" }),
      start(8, 30_000, { functionId: newId("function") }),
      start(9, 30_000, { organizationId: newId("organization") }),
      start(10, 30_000, { occurredAt: new Date(now.getTime() - 2 * 3_600_000) }),
    ],
  });
  const { coldStarts } = await functionMetrics(db, { organizationId, functionId, hours: 1, now });
  expect(coldStarts.waitMsP50).toBe(5.001);
  expect(coldStarts.buckets.filter(({ calls }) => calls > 0)).toEqual([
    { upToMs: 5, calls: 2 },
    { upToMs: 10, calls: 1 },
    { upToMs: 50, calls: 1 },
    { upToMs: null, calls: 1 },
  ]);
  const nothing = await functionMetrics(db, { organizationId, functionId: newId("function"), hours: 1, now });
  expect(nothing.coldStarts).toMatchObject({ waitMsP50: null, waitMsP95: null });
  expect(nothing.coldStarts.buckets.every(({ calls }) => calls === 0)).toBe(true);
});
