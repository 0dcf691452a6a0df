import { recordAudit } from "#server/accounts/audit.ts";
import type { Db } from "#server/db/client.ts";
import type { Clock } from "#server/std/clock.ts";
import type { Id } from "#server/std/id.ts";
import { closedBefore, fenceEpoch, strandedEpochs, type StrandedEpoch } from "./epochs.ts";

/** Up to where hours close, and the runtime lives that hold them up. */
export async function sealingState(tools: {
  db: Db;
  clock: Clock;
}): Promise<{ closedBefore: Date; stranded: StrandedEpoch[] }> {
  const [before, stranded] = await Promise.all([
    closedBefore(tools.db, new Date(tools.clock.nowMs())),
    strandedEpochs(tools),
  ]);
  return { closedBefore: before, stranded };
}

/** Gives up a runtime life's journal, in an operator's name. Who asked is written down first, so that no fence lacks its person. */
export async function giveUpEpoch(
  tools: { db: Db; clock: Clock },
  of: { epoch: bigint; userId: Id<"user"> },
): Promise<void> {
  const { epoch, userId } = of;
  await tools.db.$transaction((tx) =>
    recordAudit(tx, { organizationId: null, userId, action: "epoch.given_up", subject: String(epoch) }),
  );
  await fenceEpoch(tools, epoch);
}
