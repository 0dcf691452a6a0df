import { setTimeout as wait } from "node:timers/promises";
import { monthReport } from "#server/billing/month-report.ts";
import { defaultLimits } from "#server/contract/limits.ts";
import { poolOf, type Db } from "#server/db/client.ts";
import { setBudget } from "#server/metering/budget.ts";
import { functionMetrics } from "#server/metering/function-metrics.ts";
import { keepLedgerMonths } from "#server/metering/ledger-months.ts";
import { beginEpoch, recordUsage, type UsageFact } from "#server/metering/ledger.ts";
import { returnLease, takeLease } from "#server/metering/lease.ts";
import { sealHours } from "#server/metering/seals.ts";
import { recentRequests, requestById } from "#server/metering/usage.ts";
import { Reservation } from "#server/runtime/gateway/reservation.ts";
import { LeaseBook } from "#server/runtime/meter/lease-book.ts";
import { monthStart, nextMonthStart, type Clock } from "#server/std/clock.ts";
import { asId, newId, type Id } from "#server/std/id.ts";
import { createLog } from "#server/std/log.ts";
import { treeCpuS } from "./cpu-time.ts";
import { precise, table, whole } from "./markdown.ts";
import { atLeast, atMost, type Findings, type Stage } from "./part.ts";
import { median, percentile } from "./percentile.ts";

const MILLIONS = 10;
const ROWS_A_BATCH = 2_000;
const BATCHES = 100;
const SMALL_BATCH_ROWS = 20;
const SMALL_BATCHES = 500;
const ORGANIZATIONS = 20;
const FUNCTIONS = 5;
const LEASES = 2_000;
const PAGE_ROUNDS = 21;
const ADMITTED_CALLS = 300_000;
/** Calls between two turns of the event loop, where leases arrive: as many as a busy thread of the gateway has at a time. */
const CALLS_A_TURN = 32;

const now = new Date();
const clock: Clock = { nowMs: () => now.getTime(), monotonicUs: () => 0 };

/**
 * What a row of usage costs to record, what a call's reservation and a lease cost, and how long pages take to be read out of a
 * ledger of 10 million requests. Some five minutes, most of them to make the rows.
 */
export async function ledgerPart({ postgres, say }: Stage): Promise<Findings> {
  await using database = await postgres.openDatabase();
  const { db } = database;
  await keepLedgerMonths({ db, clock });
  // Recording comes after: it then adds to a ledger that is as large as it gets, and rows lie in the order of their times, as
  // they do in life.
  say(`a ledger of ${MILLIONS} million requests`);
  const { pages, sealing } = await measurePages(db);
  say("recording of usage, reservations and leases");
  const { large, small } = await measureRecording(db);
  const admission = await measureAdmission(db);
  const lease = await measureLeases(db);
  const [usagePage] = pages;
  return {
    sections: [
      {
        title: "The ledger",
        lines: [
          ...table(
            ["work", "our CPU us", "Postgres's CPU us", "together", "a second, by the clock"],
            [
              costRow("a call's reservation and settlement, leases included", admission),
              costRow(`a row of usage, in batches of ${ROWS_A_BATCH}`, large),
              costRow(`a batch of ${SMALL_BATCH_ROWS} rows`, small),
              costRow("a lease taken and given back", lease),
              costRow("a fact of an hour that is sealed", sealing),
            ],
          ),
          "",
          `- taking a lease takes ${precise(lease.p50Ms)} ms (p50), ${precise(lease.p99Ms)} ms (p99); calls don't wait for it, it is asked for ahead of need`,
          "",
          ...table(
            [`a page, with ${MILLIONS} million requests of one organization this month`, "p50 ms", "slowest ms"],
            pages.map(({ name, waits }) => [name, precise(median(waits)), precise(Math.max(...waits))]),
          ),
        ],
      },
    ],
    aims: [
      atMost(30, {
        what: "admission and settlement, 30 us a request or less",
        value: admission.allUs,
        figure: `${precise(admission.allUs)} us of CPU, Postgres's share of the leases included`,
      }),
      atLeast(20_000, {
        what: "usage rows a second on one core, at least 20,000",
        value: 1e6 / large.allUs,
        figure: `${whole(1e6 / large.allUs)}, with Postgres's CPU`,
      }),
      atMost(200, {
        what: `the Usage page with ${MILLIONS} million requests, within 200 ms`,
        value: usagePage === undefined ? Number.POSITIVE_INFINITY : Math.max(...usagePage.waits),
        figure: usagePage === undefined ? "not read" : `${precise(Math.max(...usagePage.waits))} ms (slowest)`,
      }),
    ],
  };
}

type Cost = { allUs: number; ownUs: number; postgresUs: number; aSecond: number };

function costRow(work: string, { ownUs, postgresUs, allUs, aSecond }: Cost): string[] {
  return [work, precise(ownUs), precise(postgresUs), precise(allUs), whole(aSecond)];
}

/** CPU that we and Postgres used for a piece of work, in microseconds a unit. */
async function cpuOf(units: number, work: () => Promise<void>): Promise<Cost> {
  const cpuS = () => treeCpuS(process.pid);
  const own = () => process.cpuUsage().user + process.cpuUsage().system;
  // What Postgres does afterwards for what was done before (its log's writer, its checkpoints) is not this work's.
  await wait(500);
  const before = { all: cpuS(), ownUs: own(), atMs: performance.now() };
  await work();
  const seconds = (performance.now() - before.atMs) / 1000;
  await wait(500);
  const allUs = ((cpuS() - before.all) * 1e6) / units;
  const ownUs = (own() - before.ownUs) / units;
  return { allUs, ownUs, postgresUs: allUs - ownUs, aSecond: units / seconds };
}

type Tenant = { organizationId: Id<"organization">; functions: { functionId: string; versionId: string }[] };

async function newTenant(db: Db, functions: number): Promise<Tenant> {
  const organizationId = newId("organization");
  const data = { id: organizationId, slug: organizationId.slice(4), name: "Bench", allowance: { create: {} } };
  await db.organization.create({ data, select: { id: true } });
  const meter = { included: 10n ** 15n, price: "1", per: 1_000_000n };
  const weights = { requests: meter, cpuNs: meter, egressBytes: meter };
  const period = { from: monthStart(now), to: nextMonthStart(now) };
  await db.$transaction((tx) => setBudget(tx, organizationId, { period, mostCents: 1_000_000n, weights }));
  return {
    organizationId,
    functions: Array.from({ length: functions }, () => ({
      functionId: newId("function"),
      versionId: newId("version"),
    })),
  };
}

async function measureRecording(db: Db): Promise<{ large: Cost; small: Cost }> {
  const epoch = await beginEpoch(db, { node: "bench", region: "bench" });
  const tenants = await Promise.all(Array.from({ length: ORGANIZATIONS }, () => newTenant(db, FUNCTIONS)));
  const want = { requests: 1_000_000n, cpuNs: 10n ** 12n, egressBytes: 10n ** 10n };
  for (const { organizationId } of tenants) await takeLease(db, { organizationId, epoch, want, least: want });
  let seq = 0;
  const batch = () =>
    Array.from({ length: ROWS_A_BATCH }, (): UsageFact => {
      seq += 1;
      const tenant = tenants[seq % tenants.length];
      const of = tenant?.functions[Math.floor(Math.random() * FUNCTIONS)];
      return {
        epoch,
        seq: BigInt(seq),
        kind: "request",
        organizationId: tenant?.organizationId ?? "",
        functionId: of?.functionId ?? "",
        versionId: of?.versionId ?? "",
        requestId: newId("request"),
        occurredAtMs: now.getTime() + Math.floor(seq / 20),
        method: "GET",
        path: `/items/${seq % 1000}`,
        status: seq % 100 === 0 ? 500 : 200,
        outcome: "ok",
        wallUs: 1234 + (seq % 777),
        cpuNs: 456_789 + seq,
        ingressBytes: 300,
        egressBytes: 1500,
        coldStart: false,
      };
    });
  await recordUsage(db, batch());
  const batches = Array.from({ length: BATCHES }, batch);
  const large = await cpuOf(BATCHES * ROWS_A_BATCH, async () => {
    for (const each of batches) await recordUsage(db, each);
  });
  const few = Array.from({ length: SMALL_BATCHES }, () => batch().slice(0, SMALL_BATCH_ROWS));
  const small = await cpuOf(few.length, async () => {
    for (const each of few) await recordUsage(db, each);
  });
  return { large, small };
}

/** As the gateway does it for each call: the worst case out of the lease, and what was not used back into it. */
async function measureAdmission(db: Db): Promise<Cost> {
  const epoch = await beginEpoch(db, { node: "bench", region: "bench" });
  const { organizationId } = await newTenant(db, 1);
  const book = new LeaseBook(db, epoch, createLog("bench", "warn"));
  const source = {
    account: book.account(organizationId),
    ensure: (least: Parameters<LeaseBook["ensure"]>[1]) => book.ensure(organizationId, least),
  };
  const used = { requests: 1, cpuNs: 456_789, egressBytes: 1_500 };
  const cost = await cpuOf(ADMITTED_CALLS, async () => {
    for (let calls = 0; calls < ADMITTED_CALLS; calls += CALLS_A_TURN) {
      const reservations = Array.from({ length: CALLS_A_TURN }, () => new Reservation(source));
      for (const reservation of reservations) {
        const outcome = reservation.begin(defaultLimits.pro);
        if ((outcome instanceof Promise ? await outcome : outcome).kind !== "granted")
          throw new Error("a call was refused: the bench's budget is too small");
      }
      await new Promise(setImmediate);
      for (const reservation of reservations) reservation.settle(used);
    }
  });
  await book.close();
  return cost;
}

async function measureLeases(db: Db): Promise<Cost & { p50Ms: number; p99Ms: number }> {
  const epoch = await beginEpoch(db, { node: "bench", region: "bench" });
  const { organizationId } = await newTenant(db, 1);
  const want = { requests: 1_000n, cpuNs: 10n ** 9n, egressBytes: 10n ** 6n };
  const waits: number[] = [];
  const cost = await cpuOf(LEASES, async () => {
    for (let count = 0; count < LEASES; count += 1) {
      const atMs = performance.now();
      const answer = await takeLease(db, { organizationId, epoch, want, least: want });
      waits.push(performance.now() - atMs);
      if (answer.kind === "granted") await returnLease(db, { organizationId, epoch, back: answer.granted });
    }
  });
  return { ...cost, p50Ms: median(waits), p99Ms: percentile(waits, 99) };
}

/** One organization with all the rows, over the days of this month and thirty functions, of which the first has half. */
async function measurePages(db: Db): Promise<{ pages: { name: string; waits: number[] }[]; sealing: Cost }> {
  const tenant = await newTenant(db, 30);
  await fill(db, tenant, MILLIONS * 1_000_000);
  const { organizationId } = tenant;
  const functionId = asId("function", tenant.functions[0]?.functionId ?? "");
  const some = await db.usageEvent.findFirst({ where: { functionId }, select: { requestId: true } });
  const requestId = asId("request", some?.requestId ?? "");
  const readings: Record<string, () => Promise<unknown>> = {
    "Usage (the month's report)": () => monthReport({ db, clock }, { organizationId, mayReadCosts: true }),
    "a function's newest requests": () => recentRequests(db, { organizationId, functionId, limit: 50 }),
    "one request by its id": () => requestById(db, { organizationId, requestId }),
    "a function's metrics, 1 hour": () => functionMetrics(db, { organizationId, functionId, hours: 1, now }),
    "a function's metrics, 24 hours": () => functionMetrics(db, { organizationId, functionId, hours: 24, now }),
    "a function's metrics, 7 days": () => functionMetrics(db, { organizationId, functionId, hours: 168, now }),
  };
  const pages: { name: string; waits: number[] }[] = [];
  for (const [name, read] of Object.entries(readings)) {
    const waits: number[] = [];
    for (let round = 0; round < PAGE_ROUNDS; round += 1) {
      const beganMs = performance.now();
      await read();
      waits.push(performance.now() - beganMs);
      if (waits.length >= 3 && waits.reduce((sum, one) => sum + one, 0) > 20_000) break;
    }
    pages.push({ name, waits });
  }
  const sealing = await cpuOf(MILLIONS * 1_000_000, async () => {
    if (!(await sealHours({ db, clock }))) throw new Error("no hour was sealed");
  });
  return { pages, sealing };
}

async function fill(db: Db, { organizationId, functions }: Tenant, rows: number): Promise<void> {
  const pool = poolOf(db);
  const epoch = await beginEpoch(db, { node: "bench", region: "bench" });
  const ids = functions.map(({ functionId }) => functionId);
  const from = monthStart(now);
  const spanMs = now.getTime() - from.getTime();
  const chunk = 500_000;
  for (let first = 0; first < rows; first += chunk) {
    await pool.query(
      `INSERT INTO usage_event (epoch, seq, kind, organization_id, function_id, version_id, request_id, occurred_at, method, path, status,
                                outcome, wall_us, cpu_ns, ingress_bytes, egress_bytes, cold_start)
       SELECT $1, n, 'request', $2, ($3::text[])[CASE WHEN n % 2 = 0 THEN 1 ELSE 2 + (n / 2) % (array_length($3::text[], 1) - 1) END], 'ver_bench',
              'req_' || lpad(to_hex((($4::float8 + n * $5::float8))::bigint), 12, '0') || lpad(to_hex(n), 8, '0'), to_timestamp(($4::float8 + n * $5::float8) / 1000),
              'GET', '/items/' || n % 1000, CASE WHEN n % 100 = 0 THEN 500 ELSE 200 END, 'ok', 900 + (n * 7919) % 5000, 300000 + (n * 104729) % 900000,
              300, 1500, n % 1000 = 0
       FROM generate_series($6::bigint, $7::bigint) AS n`,
      [epoch, organizationId, ids, from.getTime(), spanMs / rows, first, Math.min(first + chunk, rows) - 1],
    );
  }
  await pool.query(
    `INSERT INTO usage_hour (organization_id, function_id, hour_at, requests, cpu_ns, egress_bytes, failures)
     SELECT organization_id, function_id, date_trunc('hour', occurred_at, 'UTC'), count(*), sum(cpu_ns), sum(egress_bytes),
            count(*) FILTER (WHERE status >= 500)
     FROM usage_event WHERE epoch = $1 GROUP BY 1, 2, 3`,
    [epoch],
  );
  await pool.query(
    `INSERT INTO usage_minute (organization_id, function_id, minute_at, requests, failures)
     SELECT organization_id, function_id, date_trunc('minute', occurred_at), count(*), count(*) FILTER (WHERE status >= 500)
     FROM usage_event WHERE epoch = $1 AND occurred_at > $2::timestamptz - interval '8 days' GROUP BY 1, 2, 3`,
    [epoch, now],
  );
  await pool.query("VACUUM (ANALYZE) usage_event, usage_hour, usage_minute");
}
