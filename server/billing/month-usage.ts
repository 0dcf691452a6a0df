import type { Db, Tx } from "#server/db/client.ts";
import { usageOfRanges } from "#server/metering/usage-ranges.ts";
import type { Usage } from "#server/metering/usage.ts";
import type { Id } from "#server/std/id.ts";
import { loadPlanTerms } from "./plan-terms.ts";
import { loadPriceBook } from "./price-versions.ts";
import type { Quantities, UsedStretch } from "./rating.ts";
import { stretchesOf } from "./stretches.ts";

/** The UTC month that holds `at`, cut where plan or prices change, with what the ledger's counters have of each part. */
export async function usedStretches(
  db: Db | Tx,
  of: { organizationId: Id<"organization">; at: Date },
): Promise<UsedStretch[]> {
  return (await usedStretchesOf(db, { organizationIds: [of.organizationId], at: of.at })).get(of.organizationId) ?? [];
}

/** The same for many organizations, in three queries whatever their number. */
export async function usedStretchesOf(
  db: Db | Tx,
  of: { organizationIds: readonly string[]; at: Date },
): Promise<Map<string, UsedStretch[]>> {
  const [terms, book] = [await loadPlanTerms(db, of.organizationIds), await loadPriceBook(db)];
  const cut = [...terms].flatMap(([organizationId, each]) =>
    stretchesOf(of.at, each, book).map((stretch) => ({ organizationId, ...stretch })),
  );
  const used = await usageOfRanges(db, cut);
  const months = new Map<string, UsedStretch[]>();
  for (const [index, { organizationId, ...stretch }] of cut.entries()) {
    const month = months.get(organizationId) ?? [];
    month.push({ ...stretch, used: quantitiesOf(used[index]) });
    months.set(organizationId, month);
  }
  return months;
}

/** Nothing is stored yet that would be metered. */
export function quantitiesOf(usage: Usage | undefined): Quantities {
  if (!usage) return { requests: 0n, cpu: 0n, egress: 0n, storage: 0n };
  return { requests: usage.requests, cpu: usage.cpuNs, egress: usage.egressBytes, storage: 0n };
}
