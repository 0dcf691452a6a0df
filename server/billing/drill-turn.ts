import type { Tx } from "#server/db/client.ts";
import { budgetState } from "#server/metering/budget.ts";
import { DAY_MS } from "#server/std/clock.ts";
import { Fault } from "#server/std/fault.ts";
import type { Id } from "#server/std/id.ts";

/** A drill is over well before; one that isn't has lost its console. */
export const DRILL_MS_MAX = 90_000;
const EVERY_MS = 60_000;
/** Nobody pays for the CPU of a drill but the operator. */
const A_DAY_MAX = 20;
const AT_ONCE_MAX = 2;

const LOCK = 7_581_002; // any number that nothing else locks

/** Whether an organization may start a drill now; a fault that says why not. Held to the end of the transaction. */
export async function takeTurn(tx: Tx, of: { organizationId: Id<"organization">; now: Date }): Promise<void> {
  const { organizationId, now } = of;
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(${LOCK})`;
  const since = (ms: number) => new Date(now.getTime() - ms);
  const { verdict } = await budgetState(tx, organizationId);
  if (verdict.state === "stopped") throw new Fault("conflict", verdict.reason);
  const today = await tx.floodDrill.findMany({
    where: { organizationId, startedAt: { gt: since(DAY_MS) } },
    orderBy: { startedAt: "desc" },
    select: { startedAt: true, endedAt: true },
  });
  const [last] = today;
  if (last && last.endedAt === null && last.startedAt > since(DRILL_MS_MAX)) {
    throw new Fault("conflict", "A drill is under way already. Wait until it has ended.");
  }
  if (last && last.startedAt > since(EVERY_MS)) {
    const seconds = Math.ceil((last.startedAt.getTime() + EVERY_MS - now.getTime()) / 1_000);
    throw new Fault("too_many", `There is one drill a minute. Start the next one in ${seconds} s.`);
  }
  if (today.length >= A_DAY_MAX) {
    throw new Fault("too_many", `There are ${A_DAY_MAX} drills in 24 hours at most. Start the next one later.`);
  }
  const elsewhere = await tx.floodDrill.count({ where: { endedAt: null, startedAt: { gt: since(DRILL_MS_MAX) } } });
  if (elsewhere >= AT_ONCE_MAX) {
    throw new Fault(
      "unavailable",
      "This installation has as many drills under way as it bears. Try again in a minute.",
    );
  }
}
