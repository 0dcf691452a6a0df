import { poolOf, type Db } from "#server/db/client.ts";
import type { Clock } from "#server/std/clock.ts";
import type { Id } from "#server/std/id.ts";
import { LEDGER_MONTHS_KEPT, monthsBefore } from "./ledger-months.ts";
import { brokenLink, FactsSum, newestRevisions, type Seal } from "./seal-text.ts";
import { sealedFacts } from "./sealed-facts.ts";

export type ChainCheck =
  | {
      kind: "whole";
      seals: number;
      facts: bigint;
      /** Hours whose facts are no longer kept: their links hold, and their sums can't be made again. */
      hoursWithoutFacts: number;
    }
  | { kind: "broken"; number: string; reason: string };

/** Makes an organization's hash chain again from the facts in the ledger, and says whether it is the one that stands. */
export async function verifyChain(
  { db, clock }: { db: Db; clock: Clock },
  organizationId: Id<"organization">,
): Promise<ChainCheck> {
  const seals = await sealsOf(db, organizationId);
  const broken = brokenLink(seals);
  if (broken) return { kind: "broken", ...broken };
  const check = { kind: "whole" as const, seals: seals.length, facts: 0n, hoursWithoutFacts: 0 };
  const keptFrom = monthsBefore(new Date(clock.nowMs()), LEDGER_MONTHS_KEPT).toISOString();
  for (const seal of newestRevisions(seals)) {
    const sum = await sumOf(db, { organizationId, hourAt: new Date(seal.hour_at) });
    if (sum.facts === "0" && seal.hour_at < keptFrom) {
      check.hoursWithoutFacts += 1;
      continue;
    }
    const different = (["facts", "requests", "cpu_ns", "egress_bytes", "facts_digest"] as const).find(
      (column) => sum[column] !== seal[column],
    );
    if (different) {
      return {
        kind: "broken",
        number: seal.number,
        reason: `the ledger's facts of its hour give another ${different}`,
      };
    }
    check.facts += BigInt(seal.facts);
  }
  return check;
}

/** An organization's chain, in its order. */
export async function sealsOf(db: Db, organizationId: Id<"organization">): Promise<Seal[]> {
  const rows = await db.usageSeal.findMany({
    where: { organizationId },
    orderBy: { number: "asc" },
    select: {
      organizationId: true,
      number: true,
      hourAt: true,
      revision: true,
      requests: true,
      cpuNs: true,
      egressBytes: true,
      facts: true,
      factsDigest: true,
      sealedAt: true,
      previousHash: true,
      hash: true,
    },
  });
  return rows.map((row) => ({
    organization_id: row.organizationId,
    number: String(row.number),
    hour_at: row.hourAt.toISOString(),
    revision: String(row.revision),
    requests: String(row.requests),
    cpu_ns: String(row.cpuNs),
    egress_bytes: String(row.egressBytes),
    facts: String(row.facts),
    facts_digest: row.factsDigest,
    sealed_at: row.sealedAt.toISOString(),
    previous_hash: row.previousHash,
    hash: row.hash,
  }));
}

async function sumOf(db: Db, hour: { organizationId: Id<"organization">; hourAt: Date }) {
  const client = await poolOf(db).connect();
  let isWhole = false;
  try {
    await client.query("BEGIN READ ONLY");
    const sum = new FactsSum();
    for await (const fact of sealedFacts(client, hour)) sum.add(fact);
    await client.query("COMMIT");
    isWhole = true;
    return sum.end();
  } finally {
    client.release(!isWhole);
  }
}
