import type Stripe from "stripe";
import { firstVersion, type PriceBook } from "#server/billing/price-book.ts";
import { testClock, testOrganization, type TestClock } from "#server/billing/test-organization.ts";
import type { PlanName } from "#server/db/generated/enums.ts";
import { connect } from "#server/db/client.ts";
import { testDatabase, type TestDatabase } from "#server/db/test-database.ts";
import type { Id } from "#server/std/id.ts";
import { monthStart, nextMonthStart } from "#server/std/clock.ts";
import { createLog } from "#server/std/log.ts";
import { createStripe } from "./client.ts";
import { usedOf } from "./double/meters.ts";
import { StripeDouble, TEST_KEY, type DoubleOptions } from "./double/double.ts";
import { catchUp } from "./catch-up.ts";
import { closeInvoices } from "./period-close.ts";
import { endSubscriptions } from "./subscription-turn.ts";
import { enforceStanding } from "./standing.ts";
import { settleLast } from "./last-settlement.ts";
import { applyEvents } from "./webhook-worker.ts";
import { closeMonths } from "#server/billing/month-close.ts";
import { feedOutbox } from "./outbox.ts";
import { sendRound } from "./sender.ts";
import { setUp } from "./setup.ts";
import { stripePayments } from "./stripe-payments.ts";
import type { StripeTools } from "./tools.ts";

export const RETURN_URL = "http://127.0.0.1:9/acme/billing";
export const WEBHOOK_URL = "http://127.0.0.1:9/api/stripe/webhook";
export const book: PriceBook = [firstVersion];

/** A database, a double that was set up, and this room between them. */
export type TestBilling = AsyncDisposable & {
  database: TestDatabase;
  double: StripeDouble;
  clock: TestClock;
  tools: StripeTools;
  payments: ReturnType<typeof stripePayments>;
  stripe: Stripe;
  /** Moves both clocks, ours and the double's. */
  moveTo(at: string): Promise<void>;
  /** How far our clock is ahead of Stripe's. */
  skewMs: number;
};

export async function testBilling(
  options: { at?: string; timeoutMs?: number } & DoubleOptions = {},
): Promise<TestBilling> {
  const at = options.at ?? "2026-11-24T10:30:00Z";
  const database = await testDatabase();
  const double = await StripeDouble.start({ nowMs: Date.parse(at), ...options });
  const stripe = createStripe({ secretKey: TEST_KEY, apiBase: double.url, timeoutMs: options.timeoutMs ?? 5_000 });
  const clock = testClock(at);
  const locks = connect(database.url, { connectionsMax: 20 });
  const tools = { db: database.db, locks, stripe, clock, log: createLog("test", "silent") };
  await setUp(stripe, { book, webhookUrl: WEBHOOK_URL });
  const billing: TestBilling = {
    skewMs: 0,
    database,
    double,
    clock,
    tools,
    stripe,
    payments: stripePayments(tools),
    async moveTo(to) {
      clock.at = new Date(Date.parse(to) + billing.skewMs).toISOString();
      await double.advanceTo(Date.parse(to));
    },
    async [Symbol.asyncDispose]() {
      await double.stop();
      await locks.$disconnect();
      await database[Symbol.asyncDispose]();
      const wrong = [...double.mistakes, ...double.violations];
      if (wrong.length > 0)
        throw new Error(`the double's mistakes, and requests that Stripe would refuse:\n${wrong.join("\n")}`);
    },
  };
  return billing;
}

export type UsedHour = { requests?: bigint; cpuNs?: bigint; egressBytes?: bigint };

/** Puts an hour's usage into the ledger's counters and seals it; once more, with more usage, as a late fact would. */
export async function sealHour(
  { tools }: Pick<TestBilling, "tools">,
  of: { organizationId: string; hour: string },
  { requests = 0n, cpuNs = 0n, egressBytes = 0n }: UsedHour,
): Promise<void> {
  const hourAt = new Date(of.hour);
  const { organizationId } = of;
  const key = { organizationId, hourAt, functionId: "fn_1" };
  await tools.db.usageHour.upsert({
    where: { organizationId_hourAt_functionId: key },
    create: { ...key, requests, cpuNs, egressBytes },
    update: {
      requests: { increment: requests },
      cpuNs: { increment: cpuNs },
      egressBytes: { increment: egressBytes },
    },
    select: { hourAt: true },
  });
  await tools.db.usageHour.updateMany({ where: { organizationId, hourAt }, data: { sealed: true } });
  await sealCounters(tools, { organizationId, hourAt });
}

/** A seal as metering makes it, without the facts below it: what is tested here reads its totals only. */
async function sealCounters({ db, clock }: StripeTools, key: { organizationId: string; hourAt: Date }): Promise<void> {
  const { _sum } = await db.usageHour.aggregate({
    where: key,
    _sum: { requests: true, cpuNs: true, egressBytes: true },
  });
  const { organizationId } = key;
  const [number, revision] = [
    await db.usageSeal.count({ where: { organizationId } }),
    await db.usageSeal.count({ where: key }),
  ];
  await db.usageSeal.create({
    data: {
      ...key,
      number: number + 1,
      revision: revision + 1,
      requests: _sum.requests ?? 0n,
      cpuNs: _sum.cpuNs ?? 0n,
      egressBytes: _sum.egressBytes ?? 0n,
      facts: 0n,
      factsDigest: "",
      sealedAt: new Date(clock.nowMs()),
      previousHash: "",
      hash: "",
    },
    select: { number: true },
  });
}

/** What Stripe has of a customer, a meter and a span, as the double counts it. */
export function countedBy(
  { double }: Pick<TestBilling, "double">,
  of: { meter: string; from: string; to: string },
): bigint {
  const meter = [...double.world.meters.values()].find(({ eventName }) => eventName === of.meter);
  const [customer] = [...double.world.customers.keys()];
  return usedOf(double.world, {
    meter: meter?.id ?? "",
    customer: customer ?? "",
    from: Date.parse(of.from) / 1_000,
    to: Date.parse(of.to) / 1_000,
  });
}

/** Feeds and sends until nothing is due. */
export async function drain(billing: Pick<TestBilling, "tools">): Promise<void> {
  await feedOutbox(billing.tools);
  for (let rounds = 0; rounds < 1_000; rounds += 1) {
    const round = await sendRound(billing.tools, { rateMax: 100_000 });
    if (!round || round.sent === 0 || round.isAway || round.stoppedBecause !== null) return;
  }
  throw new Error("the outbox is not empty after a thousand rounds");
}

/** All that the console does by itself, once, and what Stripe sends it. What fails is tried again in the next round, as there. */
export async function workRound(billing: TestBilling): Promise<void> {
  for (const job of jobsOf(billing.tools)) {
    try {
      await job();
    } catch (error) {
      if (!billing.double.faults.isDown) throw error;
    }
  }
}

/** In this order a month is over after a round or two. */
export function jobsOf(tools: StripeTools): (() => Promise<unknown>)[] {
  return [
    () => closeMonths({ ...tools, mail: null }),
    () => drain({ tools }),
    () => catchUp(tools),
    () => applyAll({ tools }),
    () => closeInvoices(tools),
    () => catchUp(tools),
    () => applyAll({ tools }),
    () => endSubscriptions(tools),
    () => settleLast(tools),
    () => enforceStanding({ ...tools, mail: null }),
  ];
}

/** Applies what was recorded, whenever it would be due. */
export async function applyAll({ tools }: Pick<TestBilling, "tools">): Promise<void> {
  await tools.db.webhookEvent.updateMany({ where: { appliedAt: null }, data: { nextAt: new Date(0) } });
  while ((await applyEvents(tools)) > 0);
}

/** Lets both clocks run to a moment, looking every so many hours, and just after a month begins, as the console would. */
export async function liveUntil(billing: TestBilling, until: string, everyHours = 6): Promise<void> {
  const [from, to] = [billing.double.world.nowMs, Date.parse(until)];
  for (let atMs = from; atMs < to;) {
    const turnMs = nextMonthStart(new Date(atMs)).getTime() + 10_000;
    // In the first day of a month there is most to do.
    const isFirstDay = atMs - monthStart(new Date(atMs)).getTime() < 86_400_000;
    atMs = Math.min(atMs + (isFirstDay ? Math.min(everyHours, 6) : everyHours) * 3_600_000, to, turnMs);
    await billing.moveTo(new Date(atMs).toISOString());
    if (!billing.double.faults.isDown) billing.double.deliveries.acknowledge();
    await workRound(billing);
  }
}

export const goodCard = "4242 4242 4242 4242";
export const emptyCard = "4000 0000 0000 0341";

/** What a person does on Stripe's page. */
export async function enterCard(url: string, cardnumber = goodCard): Promise<void> {
  await fetch(url, { method: "POST", redirect: "manual", body: new URLSearchParams({ cardnumber }) });
}

export async function organization(
  { database }: TestBilling,
  of: { plan?: PlanName; createdAt?: string } = {},
): Promise<Id<"organization">> {
  return testOrganization(database.db, { plan: of.plan ?? "free", createdAt: of.createdAt ?? "2026-11-03T09:12:00Z" });
}

/** An organization with a card that moved to Pro. */
export async function proOrganization(billing: TestBilling, card = goodCard): Promise<Id<"organization">> {
  const id = await organization(billing);
  const { url } = await billing.payments.cardSetup(id, RETURN_URL);
  await enterCard(url, card);
  await billing.payments.changePlan(id, "pro", RETURN_URL);
  return id;
}
