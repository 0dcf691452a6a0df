import { setTimeout as pause } from "node:timers/promises";
import { loadPriceBook } from "#server/billing/price-versions.ts";
import { connect } from "#server/db/client.ts";
import { organizationUrl, type ConsoleEnv } from "#server/env.ts";
import { DAY_MS, HOUR_MS, systemClock } from "#server/std/clock.ts";
import { createLog } from "#server/std/log.ts";
import { catchUp } from "#server/stripe/catch-up.ts";
import { createStripe } from "#server/stripe/client.ts";
import { settleLast } from "#server/stripe/last-settlement.ts";
import { underFreeLock } from "#server/stripe/lock.ts";
import { feedOutbox } from "#server/stripe/outbox.ts";
import { closeInvoices } from "#server/stripe/period-close.ts";
import { pruneStripe } from "#server/stripe/prune.ts";
import { reconcile } from "#server/stripe/reconcile.ts";
import { sendRound } from "#server/stripe/sender.ts";
import { setUpPrices } from "#server/stripe/setup.ts";
import { enforceStanding } from "#server/stripe/standing.ts";
import { endSubscriptions } from "#server/stripe/subscription-turn.ts";
import { applyEvents } from "#server/stripe/webhook-worker.ts";
import { repeat, type Job } from "./repeat.ts";

const EVENTS_EVERY_MS = 1_000;
const SEND_EVERY_MS = 5_000;
const CLOSE_EVERY_MS = 60_000;
const STANDING_EVERY_MS = 60_000;
const CATCH_UP_EVERY_MS = 5 * 60_000;
/** While Stripe is away a round is tried less and less often, up to this. */
const AWAY_MS_MAX = 5 * 60_000;
/** After Stripe refused the key, or lacks a meter: an operator has to look first. */
const STOPPED_MS = 10 * 60_000;

export type StripeJobs = { stop(): Promise<void> };

/**
 * What Stripe's side does by itself, for as long as the console runs; nothing without a key. Each job takes a lock in
 * Postgres, so any number of consoles may run it. None is on a call's path: while Stripe is away, functions answer.
 */
export function startStripe(env: ConsoleEnv): StripeJobs {
  const { STRIPE_SECRET_KEY: secretKey, STRIPE_API_BASE: apiBase } = env;
  if (secretKey === undefined) return { stop: async () => undefined };
  const db = connect(env.DATABASE_URL, { connectionsMax: 6 });
  // Each job holds one lock, and one more for the object that it is at.
  const locks = connect(env.DATABASE_URL, { connectionsMax: 20 });
  const log = createLog("console", env.LOG_LEVEL);
  const tools = { db, locks, log, clock: systemClock, stripe: createStripe({ secretKey, apiBase }) };
  const mail =
    env.SMTP_URL === undefined ? null : { billingUrl: (slug: string) => organizationUrl(env, `${slug}/billing`) };
  const stopping = new AbortController();
  const job = (name: string, everyMs: number, work: () => Promise<number>): Job => ({
    name,
    everyMs,
    run: async () => {
      const count = (await underFreeLock(locks, `job:${name}`, work)) ?? 0;
      if (count > 0) log.info({ job: name, count }, `${name}: ${count}`);
    },
  });
  const jobs: Job[] = [
    job("stripe events", EVENTS_EVERY_MS, () => applyEvents(tools)),
    job("stripe catching up", CATCH_UP_EVERY_MS, () => catchUp(tools)),
    { name: "stripe outbox", everyMs: SEND_EVERY_MS, run: sendingTurn(tools, stopping.signal) },
    job("stripe reconciling", HOUR_MS, async () => (await reconcile(tools)).length),
    job("stripe invoices", CLOSE_EVERY_MS, async () => (await closeInvoices(tools)) + (await endSubscriptions(tools))),
    job("stripe last invoices", HOUR_MS, () => settleLast(tools)),
    job("stripe standing", STANDING_EVERY_MS, () => enforceStanding({ ...tools, mail })),
    job("stripe prices", HOUR_MS, async () => (await setUpPrices(tools.stripe, await loadPriceBook(db))).length),
    job("old stripe rows", DAY_MS, () => pruneStripe(tools)),
  ];
  const running = jobs.map((each) => repeat(each, log));
  return {
    async stop() {
      stopping.abort();
      await Promise.all(running.map((each) => each.stop()));
      await Promise.all([db.$disconnect(), locks.$disconnect()]);
    },
  };
}

/** Feeds the outbox and sends what is due; longer apart while Stripe is away, so that its return meets no storm. */
function sendingTurn(tools: Parameters<typeof sendRound>[0], signal: AbortSignal): () => Promise<void> {
  let awayMs = 0;
  return async () => {
    await underFreeLock(tools.locks, "job:stripe feed", () => feedOutbox(tools));
    const round = await sendRound(tools);
    if (round && round.sent > 0) tools.log.info({ job: "stripe outbox", ...round }, `stripe outbox: ${round.sent}`);
    if (round?.stoppedBecause != null) awayMs = STOPPED_MS;
    else if (round?.isAway === true) awayMs = Math.min(Math.max(awayMs * 2, SEND_EVERY_MS), AWAY_MS_MAX);
    else awayMs = 0;
    if (awayMs > 0) await pause(awayMs, undefined, { signal }).catch(() => undefined);
  };
}
