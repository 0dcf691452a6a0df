import Stripe from "stripe";
import { webhookTypes } from "./events/webhook-types.ts";
import { fromSeconds, type StripeTools } from "./tools.ts";

/** Stripe signs with the time; an older signature may be somebody's copy. */
const TOLERANCE_SECONDS = 300;

export type Receipt = { status: 200 | 400; said: string };

/**
 * Takes an event: checks its signature over the very bytes that came, and writes its id down. All else is done afterwards,
 * by whoever applies it, so the answer is quick; the same event any number of times is one row.
 */
export async function receiveEvent(
  tools: Pick<StripeTools, "db" | "stripe" | "clock" | "log"> & { webhookSecret: string },
  delivery: { body: string; signature: string | null },
): Promise<Receipt> {
  const event = verified(tools, delivery);
  if (!event) {
    tools.log.warn({ bytes: delivery.body.length }, "a webhook without a signature of Stripe's was refused");
    return { status: 400, said: "The signature does not fit.\n" };
  }
  await recordEvents(tools, [event]);
  return { status: 200, said: "Taken.\n" };
}

function verified(
  { stripe, clock, webhookSecret }: Pick<StripeTools, "stripe" | "clock"> & { webhookSecret: string },
  { body, signature }: { body: string; signature: string | null },
): Stripe.Event | undefined {
  if (signature === null) return undefined;
  try {
    // The SDK wants the tolerance in seconds and the moment in milliseconds.
    return stripe.webhooks.constructEvent(body, signature, webhookSecret, TOLERANCE_SECONDS, undefined, clock.nowMs());
  } catch (error) {
    if (error instanceof Stripe.errors.StripeSignatureVerificationError) return undefined;
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Writes events down, each once. Those of types that nobody applies are left out. Returns how many were new. */
export async function recordEvents(
  { db, clock }: Pick<StripeTools, "db" | "clock">,
  events: readonly Stripe.Event[],
): Promise<number> {
  const known = new Set<string>(webhookTypes);
  const now = new Date(clock.nowMs());
  const { count } = await db.webhookEvent.createMany({
    data: events
      .filter(({ type }) => known.has(type))
      .map(({ id, type, created, data }) => ({
        id,
        type,
        objectId: objectIdOf(data.object),
        createdAt: fromSeconds(created),
        receivedAt: now,
        nextAt: now,
      })),
    skipDuplicates: true,
  });
  return count;
}

function objectIdOf(object: object): string {
  return "id" in object && typeof object.id === "string" ? object.id : "";
}
