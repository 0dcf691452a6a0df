import { rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { monthReport } from "#server/billing/month-report.ts";
import { connect, poolOf, type Db } from "#server/db/client.ts";
import { startEmbeddedPostgres } from "#server/db/embedded-postgres.ts";
import { migrate } from "#server/db/migrate.ts";
import { setBudget } from "#server/metering/budget.ts";
import { functionMetrics } from "#server/metering/function-metrics.ts";
import { keepLedgerMonths } from "#server/metering/ledger-months.ts";
import { beginEpoch, recordUsage, type UsageFact } from "#server/metering/ledger.ts";
import { returnLease, takeLease } from "#server/metering/lease.ts";
import { sealHours } from "#server/metering/seals.ts";
import { recentRequests, requestById } from "#server/metering/usage.ts";
import { monthStart, nextMonthStart, type Clock } from "#server/std/clock.ts";
import { asId, newId, type Id } from "#server/std/id.ts";
import { treeCpuS } from "./cpu-time.ts";
import { median, percentile } from "./percentile.ts";

/**
 * `node bench/ledger.ts [millions of rows]`: what a row of usage costs to record, what a lease costs, and how long pages take to
 * be read out of a ledger of 10 million requests. With a Postgres of its own, removed afterwards. Some five minutes.
 */
const ROWS_A_BATCH = 2_000;
const BATCHES = 100;
const ORGANIZATIONS = 20;
const FUNCTIONS = 5;
const LEASES = 2_000;
const PAGE_ROUNDS = 21;

const millions = Number(process.argv[2] ?? 10);
const dir = await mkdtemp(join(tmpdir(), "sluice-bench-"));
process.on("exit", () => rmSync(dir, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 }));
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(130));

const postgres = await startEmbeddedPostgres({ dataDir: dir, runDir: dir });
await migrate(postgres.url);
const db = connect(postgres.url, { connectionsMax: 4 });
const now = new Date();
const clock: Clock = { nowMs: () => now.getTime(), monotonicUs: () => 0 };
await keepLedgerMonths({ db, clock });
// Recording comes after: it then adds to a ledger that is as large as it gets, and rows lie in the order of their times, as they do in life.
await measurePages();
await measureRecording();
await measureLeases();
await db.$disconnect();
await postgres.stop();

function say(text: string): void {
  console.log(text);
}

/** CPU that we and Postgres used for a piece of work, in microseconds a unit. */
async function cpuOf(units: number, work: () => Promise<void>) {
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

async function newTenant(functions: number): Promise<Tenant> {
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

async function measureRecording(): Promise<void> {
  const epoch = await beginEpoch(db, { node: "bench", region: "bench" });
  const tenants = await Promise.all(Array.from({ length: ORGANIZATIONS }, () => newTenant(FUNCTIONS)));
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
  const cost = await cpuOf(BATCHES * ROWS_A_BATCH, async () => {
    for (const each of batches) await recordUsage(db, each);
  });
  say(
    `recording: ${cost.ownUs.toFixed(1)} us of ours and ${cost.postgresUs.toFixed(1)} us of Postgres a row: ` +
      `${Math.round(1e6 / cost.allUs)} rows a second of one core (${Math.round(cost.aSecond)} a second by the wall clock)`,
  );
  const small = Array.from({ length: 500 }, () => batch().slice(0, 20));
  const smallCost = await cpuOf(small.length, async () => {
    for (const each of small) await recordUsage(db, each);
  });
  say(
    `a batch of 20 rows: ${smallCost.ownUs.toFixed(0)} us of ours and ${smallCost.postgresUs.toFixed(0)} us of Postgres`,
  );
}

async function measureLeases(): Promise<void> {
  const epoch = await beginEpoch(db, { node: "bench", region: "bench" });
  const { organizationId } = await newTenant(1);
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
  say(
    `a lease, taken and given back: ${cost.ownUs.toFixed(0)} us of ours and ${cost.postgresUs.toFixed(0)} us of Postgres; ` +
      `taking takes ${median(waits).toFixed(2)} ms (p50), ${percentile(waits, 99).toFixed(2)} ms (p99)`,
  );
}

/** One organization with all the rows, over the days of this month and thirty functions, of which the first has half. */
async function measurePages(): Promise<void> {
  const tenant = await newTenant(30);
  const atMs = performance.now();
  await fill(db, tenant, millions * 1_000_000);
  say(`${millions} million rows made in ${Math.round((performance.now() - atMs) / 1000)} s`);
  const { organizationId } = tenant;
  const functionId = asId("function", tenant.functions[0]?.functionId ?? "");
  const some = await db.usageEvent.findFirst({ where: { functionId }, select: { requestId: true } });
  const requestId = asId("request", some?.requestId ?? "");
  const pages: Record<string, () => Promise<unknown>> = {
    "Usage (the month's report)": () => monthReport({ db, clock }, { organizationId, mayReadCosts: true }),
    "a function's newest requests": () => recentRequests(db, { organizationId, functionId, limit: 50 }),
    "one request by its id": () => requestById(db, { organizationId, requestId }),
    "a function's metrics, 1 hour": () => functionMetrics(db, { organizationId, functionId, hours: 1, now }),
    "a function's metrics, 24 hours": () => functionMetrics(db, { organizationId, functionId, hours: 24, now }),
    "a function's metrics, 7 days": () => functionMetrics(db, { organizationId, functionId, hours: 168, now }),
  };
  for (const [name, read] of Object.entries(pages)) {
    const waits: number[] = [];
    for (let round = 0; round < PAGE_ROUNDS; round += 1) {
      const beganMs = performance.now();
      await read();
      waits.push(performance.now() - beganMs);
      if (waits.length >= 3 && waits.reduce((sum, one) => sum + one, 0) > 20_000) break;
    }
    say(
      `${name}: ${median(waits).toFixed(1)} ms (p50), ${Math.max(...waits).toFixed(1)} ms (slowest of ${waits.length})`,
    );
  }
  const facts = millions * 1_000_000;
  let sealed = 0;
  const cost = await cpuOf(facts, async () => {
    sealed = (await sealHours({ db, clock }))?.sealed ?? 0;
  });
  say(
    `${sealed} hours sealed: ${cost.ownUs.toFixed(1)} us of ours and ${cost.postgresUs.toFixed(1)} us of Postgres a fact`,
  );
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
