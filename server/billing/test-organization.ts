import type { Db } from "#server/db/client.ts";
import type { PlanName } from "#server/db/generated/enums.ts";
import type { Clock } from "#server/std/clock.ts";
import { asId, newId, type Id } from "#server/std/id.ts";

/** A clock that tests set: `clock.at = "2026-12-01T00:00:00Z"`. */
export type TestClock = Clock & { at: string };

export function testClock(at: string): TestClock {
  const clock = { at, nowMs: () => Date.parse(clock.at), monotonicUs: () => 0 };
  return clock;
}

/** An organization that was made at a moment, on a plan. */
export async function testOrganization(db: Db, of: { plan: PlanName; createdAt: string }): Promise<Id<"organization">> {
  const id = newId("organization");
  await db.organization.create({
    data: {
      id,
      slug: id.replace("_", "-"),
      name: "Acme",
      plan: of.plan,
      createdAt: new Date(of.createdAt),
      allowance: { create: {} },
    },
    select: { id: true },
  });
  return asId("organization", id);
}

/** Puts usage into an hour's counters, as the ledger does. */
export async function useHour(
  db: Db,
  of: { organizationId: string; hourAt: string; requests?: bigint; cpuNs?: bigint; egressBytes?: bigint },
): Promise<void> {
  const { organizationId, hourAt, ...used } = of;
  await db.usageHour.create({
    data: { organizationId, functionId: "fn_1", hourAt: new Date(hourAt), ...used },
    select: { hourAt: true },
  });
}

/** Puts a seal with these totals over an hour, as its next revision: a seal as the ledger makes it, but of no facts. */
export async function sealHour(
  db: Db,
  of: { organizationId: string; hourAt: string; requests?: bigint; cpuNs?: bigint; egressBytes?: bigint },
): Promise<void> {
  const { organizationId, requests = 0n, cpuNs = 0n, egressBytes = 0n } = of;
  const hourAt = new Date(of.hourAt);
  const number = 1 + (await db.usageSeal.count({ where: { organizationId } }));
  const revision = 1 + (await db.usageSeal.count({ where: { organizationId, hourAt } }));
  const link = { facts: 0n, factsDigest: "", previousHash: "", hash: `${number}`, sealedAt: new Date() };
  await db.usageSeal.create({
    data: { organizationId, number, hourAt, revision, requests, cpuNs, egressBytes, ...link },
    select: { number: true },
  });
  await db.usageHour.updateMany({ where: { organizationId, hourAt }, data: { sealed: true } });
}
