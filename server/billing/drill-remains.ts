import { deleteTemporary } from "#server/accounts/temporary-organization.ts";
import type { Db, Tx } from "#server/db/client.ts";
import { retireFunctions } from "#server/functions/copy-serving.ts";
import { forgetUsage } from "#server/metering/forget-usage.ts";
import { DAY_MS, HOUR_MS, type Clock } from "#server/std/clock.ts";
import { asId, type Id } from "#server/std/id.ts";
import { drillState, writeStage } from "./drill-state.ts";

/** What a drill was made of, and where what it leaves behind is found. */
export type Remains = {
  temporaryId: Id<"organization">;
  temporaryFunctionId: Id<"function">;
  startedAt: Date;
};

/** What people read of a drill whose console was stopped in its midst. */
export const CUT_OFF = "The drill was cut off, as the console was stopped while it ran. Start it again.";

/** No drill lives that long: its console is gone. */
const LEFT_MS_MAX = 10 * 60_000;
/** Instances end, and their last facts arrive, some seconds after a drill; after a kill, when the runtime is started again. */
const LATE_MS_MAX = DAY_MS;
const KEPT_MS = 30 * DAY_MS;
/** The machine may be busy with what the flood has left it. */
const REMOVAL_MS_MAX = 30_000;

/**
 * Removes the temporary organization of a drill and, in the same transaction, what else is to be done; then what the ledger
 * has of it. A crash between the two leaves that to the sweep.
 */
export async function removeRemains(db: Db, remains: Remains, also: (tx: Tx) => Promise<unknown>): Promise<void> {
  await db.$transaction(
    async (tx) => {
      await retireFunctions(tx, remains.temporaryId);
      await deleteTemporary(tx, remains.temporaryId);
      await also(tx);
    },
    { timeout: REMOVAL_MS_MAX },
  );
  await forgetFacts(db, remains);
}

/** Facts have the time of the machine that counted them, which may be another one's. */
function forgetFacts(db: Db, { temporaryId, temporaryFunctionId, startedAt }: Remains): Promise<number> {
  const since = new Date(startedAt.getTime() - HOUR_MS);
  return forgetUsage(db, { organizationId: temporaryId, functionId: temporaryFunctionId, since });
}

/**
 * Removes what drills left behind: those whose console was stopped in their midst, with all that they were made of; facts of
 * others that arrived after those had been removed; and rows that nobody looks at any more. Any number of consoles may do it
 * at once. Returns how many drills were concerned.
 */
export async function sweepDrills({ db, clock }: { db: Db; clock: Clock }): Promise<number> {
  const now = new Date(clock.nowMs());
  const before = (ms: number) => new Date(now.getTime() - ms);
  const left = await db.floodDrill.findMany({
    where: { endedAt: null, startedAt: { lt: before(LEFT_MS_MAX) } },
    select: { id: true, state: true, temporaryId: true, temporaryFunctionId: true, startedAt: true },
  });
  for (const row of left) {
    const { terms } = drillState.parse(row.state);
    const stage = { kind: "failed", message: CUT_OFF } as const;
    await removeRemains(db, remainsOf(row), (tx) => writeStage(tx, { id: row.id, terms }, stage, now));
  }
  const late = await withLateFacts(db, before(LATE_MS_MAX));
  for (const remains of late) await forgetFacts(db, remains);
  const { count } = await db.floodDrill.deleteMany({ where: { startedAt: { lt: before(KEPT_MS) } } });
  return left.length + late.length + count;
}

type RemainsRow = { temporaryId: string; temporaryFunctionId: string; startedAt: Date };

function remainsOf({ temporaryId, temporaryFunctionId, startedAt }: RemainsRow): Remains {
  return {
    temporaryId: asId("organization", temporaryId),
    temporaryFunctionId: asId("function", temporaryFunctionId),
    startedAt,
  };
}

/** Drills that are over, and of which something is there all the same. */
async function withLateFacts(db: Db, endedSince: Date): Promise<Remains[]> {
  const rows = await db.$queryRaw<RemainsRow[]>`
    SELECT temporary_id AS "temporaryId", temporary_function_id AS "temporaryFunctionId", started_at AS "startedAt"
    FROM flood_drill AS drill
    WHERE ended_at > ${endedSince}
      AND (EXISTS (SELECT FROM usage_hour WHERE organization_id = temporary_id)
        OR EXISTS (SELECT FROM usage_minute WHERE organization_id = temporary_id AND function_id = temporary_function_id)
        OR EXISTS (SELECT FROM usage_seal WHERE organization_id = temporary_id)
        OR EXISTS (SELECT FROM usage_event WHERE organization_id = temporary_id AND function_id = temporary_function_id
                   AND occurred_at >= started_at - interval '1 hour')
        OR EXISTS (SELECT FROM log_line WHERE organization_id = temporary_id AND function_id = temporary_function_id)
        OR EXISTS (SELECT FROM allowance_lease WHERE organization_id = temporary_id))`;
  return rows.map(remainsOf);
}
