import type { TestDatabase } from "#server/db/test-database.ts";
import type { Clock } from "#server/std/clock.ts";
import { newId, type Id } from "#server/std/id.ts";
import type { UsageFact } from "./ledger.ts";

let seq = 0n;

/** A fact of an answered call, with a number of its own. */
export function usageFact(of: Partial<UsageFact> & { organizationId: string; occurredAtMs: number }): UsageFact {
  seq += 1n;
  return {
    epoch: 1n,
    seq,
    kind: "request",
    functionId: "fn_1",
    versionId: "ver_1",
    requestId: `req_${seq}`,
    method: "GET",
    path: "/",
    status: 200,
    outcome: "ok",
    wallUs: 1000,
    cpuNs: 5000,
    ingressBytes: 0,
    egressBytes: 12,
    coldStart: false,
    ...of,
  };
}

/** An organization as a sign-up leaves it: with its allowance's row. */
export async function testOrganization({ db }: TestDatabase): Promise<Id<"organization">> {
  const id = newId("organization");
  const data = { id, slug: id.replace("_", "-"), name: "Acme", allowance: { create: {} } };
  await db.organization.create({ data, select: { id: true } });
  return id;
}

export type TestClock = Clock & { now: Date };

/** A clock that stands until it is set. */
export function testClock(now: string): TestClock {
  const clock = { now: new Date(now), nowMs: () => clock.now.getTime(), monotonicUs: () => clock.now.getTime() * 1000 };
  return clock;
}
