import { DAY_MS } from "#server/std/clock.ts";
import { nowOf, type StripeTools } from "./tools.ts";

/** Stripe sends and lists an event for 30 days; after that no copy of it can come. */
const EVENTS_KEPT_MS = 45 * DAY_MS;
/** Totals that were replaced are kept as long as somebody may ask what was told when. */
const OUTBOX_KEPT_MS = 400 * DAY_MS;

/** Drops what nobody can ask for any more: events that were applied, and hours of more than a year ago. Returns the number of rows. */
export async function pruneStripe(tools: Pick<StripeTools, "db" | "clock">): Promise<number> {
  const now = nowOf(tools).getTime();
  const events = await tools.db.webhookEvent.deleteMany({
    where: { appliedAt: { not: null }, createdAt: { lt: new Date(now - EVENTS_KEPT_MS) } },
  });
  const hours = await tools.db.stripeOutbox.deleteMany({
    where: { state: { not: "queued" }, hourAt: { lt: new Date(now - OUTBOX_KEPT_MS) } },
  });
  return events.count + hours.count;
}
