import { setTimeout as pause } from "node:timers/promises";
import { recordAudit } from "#server/accounts/audit.ts";
import type { Db } from "#server/db/client.ts";
import { retireFunctions } from "#server/functions/copy-serving.ts";
import type { Readiness } from "#server/functions/readiness.ts";
import type { Clock } from "#server/std/clock.ts";
import type { Id } from "#server/std/id.ts";
import type { Log } from "#server/std/log.ts";
import { FLOOD_MS_MAX } from "./drill-budget.ts";
import { removeRemains } from "./drill-remains.ts";
import { auditDetail, reportOf } from "./drill-report.ts";
import { noCounts, writeStage, type DrillReport, type DrillStage, type FloodCounts } from "./drill-state.ts";
import { DrillWatch } from "./drill-watch.ts";
import { flood, type Gateway } from "./flood.ts";
import { makeDrill, type Drill, type DrillRequest } from "./make-drill.ts";
import { meanwhile } from "./meanwhile.ts";

const TELL_EVERY_MS = 300;
/** So long the ledger may take to have all answers, and the runtime to give back what it reserved. */
const SETTLE_MS_MAX = 8_000;
const SETTLE_LOOK_MS = 25;
/** When nothing has changed for so long after the function is out of service, nothing more is on its way. */
const QUIET_MS = 1_500;

const BROKEN =
  "The drill broke off, so its numbers would not be whole. Start it again in a minute; if it stays so, tell your operator.";

export type DrillTools = {
  db: Db;
  clock: Clock;
  log: Log;
  readiness: Pick<Readiness, "changed">;
  gateway: Gateway;
};

/**
 * Starts a flood of calls against a copy of a function, in a temporary organization whose budget is the test cap: the path
 * of any call, and nothing of the tenant's usage, budget or bill. Faults say why it can't start now. `ended` resolves, and
 * never rejects, when the drill is over: the report, or why there is none, is then in its row.
 */
export async function startDrill(
  tools: DrillTools,
  request: DrillRequest,
): Promise<{ id: Id<"drill">; ended: Promise<void> }> {
  const drill = await makeDrill(tools, request);
  await tools.readiness.changed(drill.temporaryFunctionId);
  return { id: drill.id, ended: conduct(tools, drill) };
}

async function conduct(tools: DrillTools, drill: Drill): Promise<void> {
  try {
    const report = await floodAndSettle(tools, drill);
    await finish(tools, drill, { kind: "done", report });
  } catch (error) {
    tools.log.error({ err: error, drillId: drill.id }, "a flood drill broke off");
    // What can't be removed now, the sweep removes.
    await finish(tools, drill, { kind: "failed", message: BROKEN }).catch((thrown: unknown) =>
      tools.log.error({ err: thrown, drillId: drill.id }, "what a flood drill was made of could not be removed"),
    );
  }
}

async function floodAndSettle({ db, readiness, gateway }: DrillTools, drill: Drill): Promise<DrillReport> {
  const { terms, budget, temporaryId } = drill;
  const counts: FloodCounts = { ...noCounts, other: {} };
  let phase: "flooding" | "settling" = "flooding";
  const watch = new DrillWatch(db, { organizationId: temporaryId, budget });
  const telling = meanwhile(TELL_EVERY_MS, async () => {
    const { spent, highest } = watch.last;
    await writeStage(db, drill, { kind: "running", phase, counts, spent, highest });
  });
  try {
    const beganAt = performance.now();
    await flood({ port: gateway.port, host: drill.host }, { ...terms, timeMsMax: FLOOD_MS_MAX, counts });
    const floodMs = Math.round(performance.now() - beganAt);
    phase = "settling";
    await db.$transaction((tx) => retireFunctions(tx, temporaryId));
    await readiness.changed(drill.temporaryFunctionId);
    await settle(watch, counts);
    return reportOf({ budget, counts, look: await watch.stop(), floodMs });
  } finally {
    await Promise.allSettled([telling.stop(), watch.stop()]);
  }
}

/** Waits until the ledger has every answer and nothing is reserved any more, within a bound. */
async function settle(watch: DrillWatch, { answered }: FloodCounts): Promise<void> {
  const beganAt = performance.now();
  while (performance.now() - beganAt < SETTLE_MS_MAX) {
    const { used, leased, quietSinceMs } = watch.last;
    const isRecorded = used.requests >= BigInt(answered);
    const isFree = leased.requests === 0n && leased.cpuNs === 0n && leased.egressBytes === 0n;
    const isQuiet = performance.now() - Math.max(beganAt, quietSinceMs) > QUIET_MS;
    if (isRecorded && (isFree || isQuiet)) return;
    await pause(SETTLE_LOOK_MS);
  }
}

/** Nothing of the temporary organization stays, and in the same transaction the drill is over. */
function finish({ db, clock }: DrillTools, drill: Drill, stage: DrillStage): Promise<void> {
  const { id, organizationId, userId } = drill;
  return removeRemains(db, drill, async (tx) => {
    await writeStage(tx, drill, stage, new Date(clock.nowMs()));
    const detail = auditDetail(drill, stage);
    await recordAudit(tx, { organizationId, userId, action: "flood_drill.ended", subject: id, detail });
  });
}
