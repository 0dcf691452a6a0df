import { DAY_MS, HOUR_MS } from "#server/std/clock.ts";
import { webhookTypes } from "./events/webhook-types.ts";
import { nowOf, toSeconds, type StripeTools } from "./tools.ts";
import { recordEvents } from "./webhook.ts";

const MARK = "caught_up";
/** Stripe keeps events for 30 days. */
const BACK_MS_MAX = 29 * DAY_MS;
/** An event may be listed a little after its own time. */
const OVERLAP_MS = HOUR_MS;
const PAGE = 100;

/**
 * Asks for the events since the last time and records those that never came: of a console that was down for longer than
 * Stripe tries, one that Stripe can't reach, a database that was put back to an earlier day. Returns how many were new.
 */
export async function catchUp(tools: StripeTools): Promise<number> {
  const began = nowOf(tools);
  const mark = await tools.db.stripeMark.findUnique({ where: { name: MARK }, select: { at: true } });
  const since = Math.max((mark?.at.getTime() ?? 0) - OVERLAP_MS, began.getTime() - BACK_MS_MAX);
  let recorded = 0;
  const events = tools.stripe.events.list({
    types: [...webhookTypes],
    created: { gte: toSeconds(new Date(since)) },
    limit: PAGE,
  });
  for await (const event of events) recorded += await recordEvents(tools, [event]);
  await tools.db.stripeMark.upsert({
    where: { name: MARK },
    create: { name: MARK, at: began },
    update: { at: began },
    select: { name: true },
  });
  return recorded;
}
