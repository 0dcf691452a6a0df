import { DatabaseError, type ClientBase } from "pg";
import { poolOf, type Db } from "#server/db/client.ts";
import { monthStart, type Clock } from "#server/std/clock.ts";

/**
 * Facts are kept for this many whole months before the running one: for as long as a card payment can be disputed, and so
 * that a month can be held against the same month a year ago. Counters, seals and invoices stay.
 */
export const LEDGER_MONTHS_KEPT = 13;
/** Made ahead, so that a console may be away for long before facts fall into the partition of those that have no month. */
const MONTHS_AHEAD = 2;
const MONTHS_A_TURN = 24;
/** Held while partitions are made or dropped. Any number that no other lock of ours has. */
const LOCK = 7_120_524_003n;
/** Whoever reads or writes the ledger would wait behind us while we wait: rather not, and again at the next turn. */
const LOCK_WAIT_MS = 500;
const LOCK_NOT_AVAILABLE = "55P03";

export type MonthsReport = { made: string[]; dropped: string[] };

/** Makes the partitions of months that have facts or soon will, and drops those that are no longer kept. Any number of consoles may call it. */
export async function keepLedgerMonths({ db, clock }: { db: Db; clock: Clock }): Promise<MonthsReport> {
  const now = new Date(clock.nowMs());
  const existing = await ledgerMonths(db);
  const wanted = new Map([...(await strayMonths(db)), ...comingMonths(now)].map((month) => [monthName(month), month]));
  const report: MonthsReport = { made: [], dropped: [] };
  for (const [name, month] of wanted) {
    if (!existing.includes(name) && (await alone(db, (client) => makeMonth(client, month)))) report.made.push(name);
  }
  const keptFrom = monthName(monthsBefore(now, LEDGER_MONTHS_KEPT));
  for (const name of existing.filter((name) => name < keptFrom)) {
    if (await alone(db, (client) => dropMonth(client, name))) report.dropped.push(name);
  }
  return report;
}

/** The start of the UTC month that lies so many months before the one of `at`. */
export function monthsBefore(at: Date, months: number): Date {
  return new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() - months, 1));
}

/** The partitions that there are, oldest first. */
async function ledgerMonths(db: Db): Promise<string[]> {
  const { rows } = await poolOf(db).query<{ name: string }>(
    `SELECT relname AS name FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
     WHERE inhparent = 'usage_event'::regclass AND relname ~ '^usage_event_month_[0-9]{6}$' ORDER BY 1`,
  );
  return rows.map((row) => row.name);
}

/** Months of facts that fell into the partition of those without one. */
async function strayMonths(db: Db): Promise<Date[]> {
  const { rows } = await poolOf(db).query<{ month: Date }>(
    `SELECT DISTINCT date_trunc('month', occurred_at, 'UTC') AS month FROM usage_event_rest
     WHERE occurred_at >= '2000-01-01Z' AND occurred_at < '2100-01-01Z' ORDER BY 1 LIMIT ${MONTHS_A_TURN}`,
  );
  return rows.map((row) => row.month);
}

function comingMonths(now: Date): Date[] {
  return Array.from({ length: 1 + MONTHS_AHEAD }, (_, ahead) => monthsBefore(monthStart(now), -ahead));
}

/** "usage_event_month_202611". Made of digits only, as a table's name can't be a parameter. */
function monthName(month: Date): string {
  return `usage_event_month_${month.toISOString().slice(0, 7).replace("-", "")}`;
}

/** Runs `work` in a transaction that waits for no lock for long; false when one was held, or when there was nothing to do. */
async function alone(db: Db, work: (client: ClientBase) => Promise<boolean>): Promise<boolean> {
  const client = await poolOf(db).connect();
  let isUsable = false;
  try {
    await client.query(`BEGIN; SET LOCAL lock_timeout = ${LOCK_WAIT_MS}; SELECT pg_advisory_xact_lock(${LOCK})`);
    const isDone = await work(client);
    await client.query("COMMIT");
    isUsable = true;
    return isDone;
  } catch (error) {
    if (!(error instanceof DatabaseError) || error.code !== LOCK_NOT_AVAILABLE) throw error;
    return false;
  } finally {
    client.release(!isUsable);
  }
}

/** Made beside the table and then attached, so that nobody waits but those who write what has no month yet. */
async function makeMonth(client: ClientBase, month: Date): Promise<boolean> {
  const name = monthName(month);
  const range = { from: month.toISOString(), to: monthsBefore(month, -1).toISOString() };
  const { rows } = await client.query<{ exists: boolean }>("SELECT to_regclass($1) IS NOT NULL AS exists", [name]);
  if (rows[0]?.exists === true) return false;
  await client.query(`LOCK TABLE usage_event_rest IN EXCLUSIVE MODE`);
  await client.query(`CREATE TABLE ${name} (LIKE usage_event INCLUDING DEFAULTS)`);
  await client.query(
    `WITH moved AS (DELETE FROM usage_event_rest WHERE occurred_at >= $1 AND occurred_at < $2 RETURNING *)
     INSERT INTO ${name} SELECT * FROM moved`,
    [range.from, range.to],
  );
  await client.query(
    `ALTER TABLE usage_event ATTACH PARTITION ${name} FOR VALUES FROM ('${range.from}') TO ('${range.to}')`,
  );
  return true;
}

/** Only what is under seals may go: from then on they are what says how much it was. */
async function dropMonth(client: ClientBase, name: string): Promise<boolean> {
  const month = `${name.slice(-6, -2)}-${name.slice(-2)}-01T00:00:00Z`;
  const { rows } = await client.query<{ exists: boolean }>(
    `SELECT EXISTS (SELECT FROM usage_hour WHERE NOT sealed AND hour_at >= $1 AND hour_at < $1::timestamptz + interval '1 month') AS exists`,
    [month],
  );
  if (rows[0]?.exists === true) return false;
  await client.query(`DROP TABLE IF EXISTS ${name}`);
  return true;
}
