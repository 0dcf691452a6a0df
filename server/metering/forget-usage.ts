import type { Db } from "#server/db/client.ts";
import type { Id } from "#server/std/id.ts";

/**
 * Removes what the ledger, the counters, the seals, the leases and the log have of an organization that nobody is billed for: the one
 * exception to the rule that facts stay, for what a flood drill made, and never for a tenant's. Its budget has to be gone
 * before. Each statement stands alone, so that none holds rows while it waits for those of somebody who records usage; what
 * is cut off, or comes later, is for the next time. Returns how many rows went.
 */
export async function forgetUsage(
  db: Db,
  of: { organizationId: Id<"organization">; functionId: Id<"function">; since: Date },
): Promise<number> {
  const { organizationId, functionId, since } = of;
  const where = { organizationId, functionId };
  const facts = await db.usageEvent.deleteMany({ where: { ...where, occurredAt: { gte: since } } });
  const hours = await db.usageHour.deleteMany({ where });
  const minutes = await db.usageMinute.deleteMany({ where });
  const seals = await db.usageSeal.deleteMany({ where: { organizationId } });
  const leases = await db.allowanceLease.deleteMany({ where: { organizationId } });
  const lines = await db.logLine.deleteMany({ where });
  return [facts, hours, minutes, seals, leases, lines].reduce((sum, { count }) => sum + count, 0);
}
