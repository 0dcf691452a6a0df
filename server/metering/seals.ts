import { DatabaseError, type ClientBase } from "pg";
import { IS_TENANT } from "#server/accounts/temporary-organization.ts";
import { poolOf, type Db } from "#server/db/client.ts";
import type { Clock } from "#server/std/clock.ts";
import { asId, type Id } from "#server/std/id.ts";
import { closedBefore } from "./epochs.ts";
import { FactsSum, NO_HASH, sealHash, type Seal, type SealContent } from "./seal-text.ts";
import { sealedFacts } from "./sealed-facts.ts";

/** Any number that no other lock in this database has: two consoles do not seal at the same time. */
const LOCK = 7_120_524_002n;
/** Facts that trickle in late do not make a revision each: an hour is sealed again this long after its last seal at the earliest. */
export const REVISION_EVERY_MS = 10 * 60_000;
const HOURS_A_LOOK = 500;
/** A serialization failure, a deadlock. */
const CHANGED_MEANWHILE = new Set(["40001", "40P01"]);

export type SealReport = {
  sealed: number;
  /** Hours that can't be sealed because the counters are not the sum of the facts. Somebody has to look at them. */
  unequal: { organizationId: Id<"organization">; hourAt: Date }[];
};

type Hour = { organizationId: string; hourAt: Date };
type Sealed = "sealed" | "again_later" | "unequal";

/**
 * Seals the UTC hours of which everything is in the ledger, and again those to which facts came late. Undefined when another
 * console is at it. A turn that breaks off loses nothing: the next one goes on.
 */
export async function sealHours({ db, clock }: { db: Db; clock: Clock }): Promise<SealReport | undefined> {
  const now = new Date(clock.nowMs());
  const before = await closedBefore(db, now);
  const client = await poolOf(db).connect();
  let isWhole = false;
  try {
    const { rows } = await client.query<{ taken: boolean }>("SELECT pg_try_advisory_lock($1) AS taken", [LOCK]);
    const report = rows[0]?.taken === true ? await sealAll(client, { before, now }) : undefined;
    if (report) await client.query("SELECT pg_advisory_unlock($1)", [LOCK]);
    isWhole = true;
    return report;
  } finally {
    // A connection that is closed takes its transaction and its lock along.
    client.release(!isWhole);
  }
}

async function sealAll(client: ClientBase, at: { before: Date; now: Date }): Promise<SealReport> {
  const report: SealReport = { sealed: 0, unequal: [] };
  for (;;) {
    const hours = await unsealedHours(client, at);
    let sealed = 0;
    report.unequal = [];
    for (const hour of hours) {
      const outcome = await sealHour(client, hour, at.now);
      if (outcome === "sealed") sealed += 1;
      if (outcome === "unequal") {
        report.unequal.push({ organizationId: asId("organization", hour.organizationId), hourAt: hour.hourAt });
      }
    }
    report.sealed += sealed;
    if (hours.length < HOURS_A_LOOK || sealed === 0) return report;
  }
}

async function unsealedHours(client: ClientBase, { before, now }: { before: Date; now: Date }): Promise<Hour[]> {
  const { rows } = await client.query<Hour>(
    `SELECT DISTINCT hour.organization_id AS "organizationId", hour.hour_at AS "hourAt"
     FROM usage_hour AS hour
     WHERE NOT hour.sealed AND hour.hour_at < $1
       AND NOT EXISTS (SELECT FROM usage_seal AS seal
                       WHERE seal.organization_id = hour.organization_id AND seal.hour_at = hour.hour_at AND seal.sealed_at > $2)
       AND NOT EXISTS (SELECT FROM organization WHERE organization.id = hour.organization_id AND NOT (${IS_TENANT}))
     ORDER BY 2, 1 LIMIT ${HOURS_A_LOOK}`,
    [before, new Date(now.getTime() - REVISION_EVERY_MS)],
  );
  return rows;
}

/**
 * One hour, from one snapshot: facts that come meanwhile are not in it, and their transaction leaves the hour unsealed
 * again, or makes this one fail, and then the next turn seals what is there by then. Nobody who records usage waits.
 */
async function sealHour(client: ClientBase, hour: Hour, now: Date): Promise<Sealed> {
  await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
  try {
    const sum = new FactsSum();
    for await (const fact of sealedFacts(client, hour)) sum.add(fact);
    const facts = sum.end();
    if (!(await isWhatCountersSay(client, hour, facts))) {
      await client.query("ROLLBACK");
      return "unequal";
    }
    await writeSeal(client, hour, { ...facts, sealed_at: now.toISOString() });
    await client.query(MARK_SEALED, [hour.organizationId, hour.hourAt]);
    await client.query("COMMIT");
    return "sealed";
  } catch (error) {
    if (!(error instanceof DatabaseError) || !CHANGED_MEANWHILE.has(error.code ?? "")) throw error;
    await client.query("ROLLBACK");
    return "again_later";
  }
}

/** Locks in the order in which usage is recorded, so that neither waits for the other in a circle. */
const MARK_SEALED = `
  WITH hour AS MATERIALIZED (
    SELECT function_id FROM usage_hour WHERE organization_id = $1 AND hour_at = $2 AND NOT sealed ORDER BY function_id FOR UPDATE
  )
  UPDATE usage_hour SET sealed = true FROM hour
  WHERE usage_hour.organization_id = $1 AND usage_hour.hour_at = $2 AND usage_hour.function_id = hour.function_id`;

type Totals = Pick<SealContent, "requests" | "cpu_ns" | "egress_bytes">;

async function isWhatCountersSay(client: ClientBase, hour: Hour, facts: Totals): Promise<boolean> {
  const { rows } = await client.query<Totals>(
    `SELECT sum(requests)::text AS requests, sum(cpu_ns)::text AS cpu_ns, sum(egress_bytes)::text AS egress_bytes
     FROM usage_hour WHERE organization_id = $1 AND hour_at = $2`,
    [hour.organizationId, hour.hourAt],
  );
  const [counted] = rows;
  return (
    counted?.requests === facts.requests &&
    counted.cpu_ns === facts.cpu_ns &&
    counted.egress_bytes === facts.egress_bytes
  );
}

async function writeSeal(
  client: ClientBase,
  { organizationId, hourAt }: Hour,
  facts: Omit<SealContent, "organization_id" | "number" | "hour_at" | "revision" | "previous_hash">,
): Promise<void> {
  const { rows } = await client.query<{ number: number; hash: string; revision: number; digest: string | null }>(
    `SELECT last.number, last.hash, coalesce(hour.revision, 0) AS revision, hour.facts_digest AS digest
     FROM (SELECT number, hash FROM usage_seal WHERE organization_id = $1 ORDER BY number DESC LIMIT 1) AS last
     LEFT JOIN (SELECT revision, facts_digest FROM usage_seal WHERE organization_id = $1 AND hour_at = $2
                ORDER BY revision DESC LIMIT 1) AS hour ON true`,
    [organizationId, hourAt],
  );
  const last = rows[0] ?? { number: 0, hash: NO_HASH, revision: 0, digest: null };
  if (last.digest === facts.facts_digest) return;
  const content: SealContent = {
    ...facts,
    organization_id: organizationId,
    number: String(last.number + 1),
    hour_at: hourAt.toISOString(),
    revision: String(last.revision + 1),
    previous_hash: last.hash,
  };
  const seal: Seal = { ...content, hash: sealHash(content) };
  const columns = Object.keys(seal);
  await client.query(
    `INSERT INTO usage_seal (${columns.join(", ")}) VALUES (${columns.map((_, index) => `$${index + 1}`).join(", ")})`,
    Object.values(seal),
  );
}

/** Whether a period, both ends whole UTC hours, is closed for an organization: all of it is in the ledger and under a seal. */
export async function isSealed(
  { db, clock }: { db: Db; clock: Clock },
  of: { organizationId: Id<"organization">; from: Date; to: Date },
): Promise<boolean> {
  if ((await closedBefore(db, new Date(clock.nowMs()))) < of.to) return false;
  const open = await db.usageHour.findFirst({
    where: { organizationId: of.organizationId, hourAt: { gte: of.from, lt: of.to }, sealed: false },
    select: { hourAt: true },
  });
  return open === null;
}
