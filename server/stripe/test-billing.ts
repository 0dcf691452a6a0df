import type Stripe from "stripe";
import { firstVersion, type PriceBook } from "#server/billing/price-book.ts";
import { testClock, testOrganization, type TestClock } from "#server/billing/test-organization.ts";
import type { PlanName } from "#server/db/generated/enums.ts";
import { testDatabase, type TestDatabase } from "#server/db/test-database.ts";
import type { Id } from "#server/std/id.ts";
import { createLog } from "#server/std/log.ts";
import { createStripe } from "./client.ts";
import { StripeDouble, TEST_KEY, type DoubleOptions } from "./double/double.ts";
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
