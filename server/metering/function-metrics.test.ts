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

test("of very many calls, counts are of all of them and percentiles of a sample that tells about the same", async () => {
  await using database = await testDatabase();
  const { db } = database;
  const organizationId = newId("organization");
  const functionId = newId("function");
  const now = new Date("2026-11-24T12:00:00Z");
  // 120,000 calls in six hours, ten times as many in the last hour as in each before it, and those 10 ms slower.
  await db.$executeRaw`
    INSERT INTO usage_event (epoch, seq, kind, organization_id, function_id, version_id, occurred_at, status, outcome, wall_us, cpu_ns,
                             ingress_bytes, egress_bytes, cold_start)
    SELECT 1, n, 'request', ${organizationId}, ${functionId}, 'ver_1',
           CASE WHEN n < 80000 THEN ${now}::timestamptz - (n + 1) * interval '3600 seconds' / 80000
                ELSE ${now}::timestamptz - interval '1 hour' - (n - 79999) * interval '18000 seconds' / 40001 END,
           CASE WHEN n % 1000 = 0 THEN 500 ELSE 200 END, 'ok',
           (n * 7919) % 10000 + CASE WHEN n < 80000 THEN 10000 ELSE 0 END, ((n * 104729) % 10000) * 1000, 0, 0, n % 10000 = 0
    FROM generate_series(0::bigint, 119999::bigint) AS n`;
  await db.$executeRaw`
    INSERT INTO usage_minute (organization_id, function_id, minute_at, requests, failures)
    SELECT organization_id, function_id, date_trunc('minute', occurred_at), count(*), count(*) FILTER (WHERE status >= 500)
    FROM usage_event GROUP BY 1, 2, 3`;
  const metrics = await functionMetrics(db, { organizationId, functionId, hours: 6, now });
  expect(metrics.percentilesOf).toBe("sample");
  expect(metrics.total).toMatchObject({ requests: 120_000, failures: 120, coldStarts: 12 });
  expect(metrics.steps.reduce((sum, step) => sum + step.requests, 0)).toBe(120_000);
  const within = (value: number | null, exact: number) =>
    expect(Math.abs((value ?? 0) - exact)).toBeLessThan(exact * 0.05);
  within(metrics.total.wallMsP50, 12.5);
  within(metrics.total.wallMsP95, 19.25);
  within(metrics.total.cpuMsP50, 5);
  within(metrics.total.cpuMsP95, 9.5);
  expect(metrics.steps[0]?.wallMsP95).toBeLessThan(10);
  expect(metrics.steps.at(-1)?.wallMsP50).toBeGreaterThan(14);
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
