import { messageOf } from "#server/std/fault.ts";
import { handlers } from "./events/handlers.ts";
import { webhookTypes } from "./events/webhook-types.ts";
import { underLock } from "./lock.ts";
import { clearNotice, raiseNotice } from "./notices.ts";
import { nowOf, type StripeTools } from "./tools.ts";

const AT_ONCE = 50;
const BACKOFF_MS_MIN = 2_000;
const BACKOFF_MS_MAX = 900_000;
/** Tries after which an operator is told. It is tried on all the same. */
const TOLD_AFTER = 8;

type DueEvent = { id: string; type: string; objectId: string; attempts: number };

/**
 * Applies what was recorded. An event says only that an object changed: the object is fetched, and what it is now is
 * written down, under the object's own lock. So events may come in any order, twice, or late, and several processes may
 * apply them at once; each ends with what Stripe has. Returns how many were applied.
 */
export async function applyEvents(tools: StripeTools): Promise<number> {
  const due = await tools.db.webhookEvent.findMany({
    where: { appliedAt: null, nextAt: { lte: nowOf(tools) } },
    orderBy: { createdAt: "asc" },
    take: AT_ONCE,
    select: { id: true, type: true, objectId: true, attempts: true },
  });
  let applied = 0;
  // One fetch does for all events of one object that wait.
  for (const events of Map.groupBy(due, ({ objectId, type }) => `${objectId} ${type}`).values())
    if (await applyTogether(tools, events)) applied += events.length;
  return applied;
}

async function applyTogether(tools: StripeTools, events: readonly DueEvent[]): Promise<boolean> {
  const [first] = events;
  if (!first) return false;
  const ids = events.map(({ id }) => id);
  const type = webhookTypes.find((one) => one === first.type);
  try {
    if (type) await underLock(tools.locks, `object:${first.objectId}`, () => handlers[type](tools, first.objectId));
    await tools.db.webhookEvent.updateMany({
      where: { id: { in: ids }, appliedAt: null },
      data: { appliedAt: nowOf(tools), lastError: null },
    });
    if (first.attempts >= TOLD_AFTER) await clearNotice(tools.db, `event:${first.objectId}`);
    return true;
  } catch (error) {
    await putOff(tools, first, { ids, because: messageOf(error) });
    return false;
  }
}

async function putOff(
  tools: StripeTools,
  first: DueEvent,
  { ids, because }: { ids: string[]; because: string },
): Promise<void> {
  const backoffMs = Math.min(BACKOFF_MS_MIN * 2 ** Math.min(first.attempts, 20), BACKOFF_MS_MAX);
  await tools.db.webhookEvent.updateMany({
    where: { id: { in: ids } },
    data: {
      attempts: { increment: 1 },
      nextAt: new Date(nowOf(tools).getTime() + backoffMs),
      lastError: because.slice(0, 500),
    },
  });
  tools.log.warn(
    { type: first.type, object: first.objectId, err: because },
    "an event of Stripe's could not be applied yet",
  );
  if (first.attempts + 1 >= TOLD_AFTER)
    await raiseNotice(
      tools,
      `event:${first.objectId}`,
      `${first.type} of ${first.objectId} can't be applied: ${because}`,
    );
}
