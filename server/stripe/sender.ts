import { setTimeout as pause } from "node:timers/promises";
import type { StripeOutboxState } from "#server/db/generated/enums.ts";
import { deliveryOf, type Delivery } from "./delivery.ts";
import { underFreeLock } from "./lock.ts";
import { billedMeters, meterUnits, type BilledMeter } from "./meter-unit.ts";
import { clearNotice, raiseNotice } from "./notices.ts";
import { nowOf, toSeconds, type StripeTools } from "./tools.ts";

/** Stripe allows a sandbox 25 requests a second to one endpoint. */
const RATE_MAX = 20;
/** Enough to keep that rate when an answer takes a third of a second. */
const PARALLEL_MAX = 8;
const ROUND_ROWS_MAX = 200;
/** Between two totals of one hour, so that Stripe receives them in the order in which they were sent. */
const REVISION_PAUSE_MS = 120_000;
const BACKOFF_MS_MIN = 2_000;
const BACKOFF_MS_MAX = 600_000;
/** So many failures one after the other, of whomever: Stripe is away, and the rest of the round would fail as well. */
const FAILURES_MAX = 3;

export type SendPace = { rateMax: number; parallelMax: number };

export type Round = {
  sent: number;
  /** Stripe does not answer as it should: the next round waits. */
  isAway: boolean;
  /** Nothing can be sent until somebody looks. */
  stoppedBecause: string | null;
};

type Row = {
  position: bigint;
  organizationId: string;
  customerId: string;
  meter: string;
  hourAt: Date;
  revision: number;
  value: bigint;
  keyGeneration: number;
  attempts: number;
};

/**
 * Sends what is due, one total after the other for each organization and meter, and many of them at the same time.
 * Undefined while another process sends. A row leaves the queue only when Stripe has answered; a process that is killed
 * in between sends it again, and the identifier and the absolute total make that harmless at any age.
 */
export function sendRound(tools: StripeTools, pace: Partial<SendPace> = {}): Promise<Round | undefined> {
  return underFreeLock(tools.locks, "sender", async () => {
    const round: Round & { failures: number } = { sent: 0, isAway: false, stoppedBecause: null, failures: 0 };
    const rows = await dueRows(tools);
    const next = paced(rows, pace.rateMax ?? RATE_MAX);
    const work = async (): Promise<void> => {
      for (let row = await next(); row; row = await next()) {
        if (round.stoppedBecause !== null || round.isAway) return;
        await sendRow(tools, row, round);
      }
    };
    await Promise.all(Array.from({ length: pace.parallelMax ?? PARALLEL_MAX }, work));
    const { failures: _, ...report } = round;
    return report;
  });
}

/** The oldest row of each organization and meter, if its time has come. */
async function dueRows(tools: StripeTools): Promise<Row[]> {
  const now = nowOf(tools);
  const before = new Date(now.getTime() - REVISION_PAUSE_MS);
  return tools.db.$queryRaw<Row[]>`
    WITH head AS (
      SELECT DISTINCT ON (organization_id, meter) * FROM stripe_outbox
      WHERE state = 'queued' ORDER BY organization_id, meter, position
    )
    SELECT head.position, head.organization_id AS "organizationId", customer.customer_id AS "customerId", head.meter,
           head.hour_at AS "hourAt", head.revision, head.value, head.key_generation AS "keyGeneration", head.attempts
    FROM head JOIN stripe_customer AS customer USING (organization_id)
    WHERE head.next_at <= ${now} AND customer.parked_because IS NULL
      AND NOT EXISTS (
        SELECT FROM stripe_outbox AS earlier
        WHERE earlier.organization_id = head.organization_id AND earlier.meter = head.meter AND earlier.hour_at = head.hour_at
          AND earlier.revision < head.revision AND earlier.state = 'delivered' AND earlier.settled_at > ${before})
    ORDER BY head.position
    LIMIT ${ROUND_ROWS_MAX}`;
}

/** Hands out rows so that no more than `rateMax` a second begin. */
function paced(rows: Row[], rateMax: number): () => Promise<Row | undefined> {
  const gapMs = 1_000 / rateMax;
  let nextAtMs = performance.now();
  return async () => {
    const row = rows.shift();
    if (!row) return undefined;
    const waitMs = nextAtMs - performance.now();
    nextAtMs = Math.max(nextAtMs, performance.now()) + gapMs;
    if (waitMs > 0) await pause(waitMs);
    return row;
  };
}

async function sendRow(tools: StripeTools, row: Row, round: Round & { failures: number }): Promise<void> {
  // Said before it is sent: from now on a newer total may not take its place, since Stripe may have it.
  const { count } = await tools.db.stripeOutbox.updateMany({
    where: { position: row.position, state: "queued" },
    data: { attempts: { increment: 1 } },
  });
  if (count === 0) return;
  const delivery = await deliver(tools, row);
  round.sent += 1;
  const isFailure = delivery.kind === "again" || delivery.kind === "again_under_new_key";
  round.failures = isFailure ? round.failures + 1 : 0;
  if (round.failures >= FAILURES_MAX) round.isAway = true;
  if (delivery.kind === "stop") round.stoppedBecause = delivery.because;
  await settle(tools, row, delivery);
}

async function deliver({ stripe }: StripeTools, row: Row): Promise<Delivery> {
  const meter = meterOf(row.meter);
  const identifier = identifierOf(row);
  try {
    await stripe.billing.meterEvents.create(
      {
        event_name: meterUnits[meter].eventName,
        identifier,
        // The hour's last second: an hour belongs to the plan that is in force at its end.
        timestamp: toSeconds(row.hourAt) + 3_599,
        payload: { stripe_customer_id: row.customerId, value: String(row.value) },
      },
      { idempotencyKey: `${identifier}:${row.keyGeneration}` },
    );
    return { kind: "delivered" };
  } catch (error) {
    return deliveryOf(error);
  }
}

/** "u1:org_…:cpu:2026112410:1": made of what is told, so that telling it twice is telling it once. */
export function identifierOf(row: Pick<Row, "organizationId" | "meter" | "hourAt" | "revision">): string {
  const hour = row.hourAt.toISOString().slice(0, 13).replaceAll(/\D/g, "");
  return `u1:${row.organizationId}:${row.meter}:${hour}:${row.revision}`;
}

function meterOf(text: string): BilledMeter {
  const meter = billedMeters.find((one) => one === text);
  if (!meter) throw new Error(`the outbox holds a meter that is not billed: ${text}`);
  return meter;
}

async function settle(tools: StripeTools, row: Row, delivery: Delivery): Promise<void> {
  switch (delivery.kind) {
    case "delivered":
      await leaveQueue(tools, row, { state: "delivered", lastError: null });
      await clearNotice(tools.db, "sender");
      return;
    case "too_late":
      await leaveQueue(tools, row, { state: "late", lastError: delivery.because });
      return;
    case "again":
      await waitLonger(tools, row, { lastError: delivery.because });
      return;
    case "again_under_new_key":
      await waitLonger(tools, row, { lastError: delivery.because, keyGeneration: row.keyGeneration + 1 });
      return;
    case "park":
      await waitLonger(tools, row, { lastError: delivery.because, keyGeneration: row.keyGeneration + 1 });
      await park(tools, row.organizationId, delivery.because);
      return;
    case "stop":
      await waitLonger(tools, row, { lastError: delivery.because, keyGeneration: row.keyGeneration + 1 });
      await raiseNotice(
        tools,
        "sender",
        `Stripe takes no usage: ${delivery.because} Nothing is lost; check STRIPE_SECRET_KEY and run \`npm run stripe:setup\`.`,
      );
      return;
  }
}

async function leaveQueue(
  tools: StripeTools,
  { position }: Row,
  data: { state: StripeOutboxState; lastError: string | null },
): Promise<void> {
  await tools.db.stripeOutbox.updateMany({
    where: { position, state: "queued" },
    data: { ...data, settledAt: nowOf(tools) },
  });
}

async function waitLonger(
  tools: StripeTools,
  { position, attempts }: Row,
  data: { lastError: string; keyGeneration?: number },
): Promise<void> {
  const backoffMs = Math.min(BACKOFF_MS_MIN * 2 ** Math.min(attempts, 20), BACKOFF_MS_MAX);
  const nextAt = new Date(nowOf(tools).getTime() + backoffMs * (0.75 + Math.random() / 2));
  await tools.db.stripeOutbox.updateMany({ where: { position, state: "queued" }, data: { ...data, nextAt } });
}

async function park(tools: StripeTools, organizationId: string, because: string): Promise<void> {
  await tools.db.stripeCustomer.updateMany({ where: { organizationId }, data: { parkedBecause: because } });
  await raiseNotice(tools, `parked:${organizationId}`, `Stripe takes no usage of ${organizationId}: ${because}`);
}
