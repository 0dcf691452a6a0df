import type Stripe from "stripe";
import { firstVersion, type PriceBook } from "#server/billing/price-book.ts";
import { testClock, testOrganization, type TestClock } from "#server/billing/test-organization.ts";
import type { PlanName } from "#server/db/generated/enums.ts";
import { testDatabase, type TestDatabase } from "#server/db/test-database.ts";
import type { Id } from "#server/std/id.ts";
import { createLog } from "#server/std/log.ts";
import { createStripe } from "./client.ts";
import { usedOf } from "./double/meters.ts";
import { StripeDouble, TEST_KEY, type DoubleOptions } from "./double/double.ts";
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
};

export async function testBilling(
  options: { at?: string; timeoutMs?: number } & DoubleOptions = {},
): Promise<TestBilling> {
  const at = options.at ?? "2026-11-24T10:30:00Z";
  const database = await testDatabase();
  const double = await StripeDouble.start({ nowMs: Date.parse(at), ...options });
  const stripe = createStripe({ secretKey: TEST_KEY, apiBase: double.url, timeoutMs: options.timeoutMs ?? 5_000 });
  const clock = testClock(at);
  const tools = { db: database.db, stripe, clock, log: createLog("test", "silent") };
  await ensureSeals(database);
  await setUp(stripe, { book, webhookUrl: WEBHOOK_URL });
  return {
    database,
    double,
    clock,
    tools,
    stripe,
    payments: stripePayments(tools),
    async moveTo(to) {
      clock.at = to;
      await double.advanceTo(Date.parse(to));
    },
    async [Symbol.asyncDispose]() {
      await double.stop();
      await database[Symbol.asyncDispose]();
      const wrong = [...double.mistakes, ...double.violations];
      if (wrong.length > 0)
        throw new Error(`the double's mistakes, and requests that Stripe would refuse:\n${wrong.join("\n")}`);
    },
  };
}

/** As metering seals hours: until its table is there, tests make one of the same shape. */
async function ensureSeals({ db }: TestDatabase): Promise<void> {
  await db.$executeRaw`
    CREATE TABLE IF NOT EXISTS usage_seal (
      organization_id text NOT NULL, hour_at timestamptz(0) NOT NULL, revision int NOT NULL, requests bigint NOT NULL,
      cpu_ns bigint NOT NULL, egress_bytes bigint NOT NULL, sealed_at timestamptz(3) NOT NULL, previous_hash text NOT NULL,
      hash text NOT NULL, PRIMARY KEY (organization_id, hour_at, revision))`;
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
  await tools.db.$executeRaw`
    INSERT INTO usage_seal (organization_id, hour_at, revision, requests, cpu_ns, egress_bytes, sealed_at, previous_hash, hash)
    SELECT ${organizationId}, ${hourAt},
           coalesce((SELECT max(revision) FROM usage_seal WHERE organization_id = ${organizationId} AND hour_at = ${hourAt}), 0) + 1,
           sum(requests), sum(cpu_ns), sum(egress_bytes), ${new Date(tools.clock.nowMs())}, '', ''
    FROM usage_hour WHERE organization_id = ${organizationId} AND hour_at = ${hourAt}`;
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
