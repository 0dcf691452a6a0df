import type { Db } from "#server/db/client.ts";
import { HOUR_MS, type Clock } from "#server/std/clock.ts";
import { Fault } from "#server/std/fault.ts";

/** An hour is closed once everything up to this long after its end is in the ledger: clocks of nodes differ, and batches take a moment. */
const CLOSE_AFTER_MS = 5 * 60_000;
/** A living runtime says every few seconds how far it has shipped. */
const SILENT_MS = 5 * 60_000;

/** A runtime life that ended, or lost its way to Postgres, with part of its journal not in the ledger. */
export type StrandedEpoch = { epoch: bigint; node: string; region: string; startedAt: Date; shippedAt: Date };

/** Hours before this one, a whole UTC hour, have all their facts in the ledger, but for those of calls that outlive their hour. */
export async function closedBefore(db: Db, now: Date): Promise<Date> {
  const { _min } = await db.runtimeEpoch.aggregate({
    where: { drainedAt: null, fencedAt: null },
    _min: { shippedAt: true },
  });
  const shippedMs = Math.min(now.getTime(), _min.shippedAt?.getTime() ?? Number.POSITIVE_INFINITY);
  return new Date(Math.floor((shippedMs - CLOSE_AFTER_MS) / HOUR_MS) * HOUR_MS);
}

/**
 * Lives that say nothing any more and hold up the closing of hours, the longest silent first. Their journals are on their
 * nodes' disks: a start of the runtime there ships them. Where the disk is lost, an operator fences the epoch.
 */
export async function strandedEpochs({ db, clock }: { db: Db; clock: Clock }): Promise<StrandedEpoch[]> {
  return db.runtimeEpoch.findMany({
    where: { drainedAt: null, fencedAt: null, shippedAt: { lt: new Date(clock.nowMs() - SILENT_MS) } },
    orderBy: { shippedAt: "asc" },
    select: { epoch: true, node: true, region: true, startedAt: true, shippedAt: true },
  });
}

/**
 * Gives up waiting for a life's journal: hours close without it, and it is leased nothing more. What it holds stays reserved
 * until its journal turns up after all, or the budget's month is over, since what it used of it nobody knows. Facts that
 * come after a fence count as any others do, as late ones.
 */
export async function fenceEpoch({ db, clock }: { db: Db; clock: Clock }, epoch: bigint): Promise<void> {
  // A lease that is being taken holds this row, so none is granted after the fence.
  const { count } = await db.runtimeEpoch.updateMany({
    where: { epoch, drainedAt: null, fencedAt: null },
    data: { fencedAt: new Date(clock.nowMs()) },
  });
  if (count === 0) {
    throw new Fault("conflict", "This runtime's journal is in the ledger, or was given up already. Reload the page.");
  }
}
