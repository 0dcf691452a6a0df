import fc from "fast-check";
import { expect, test } from "vitest";
import { grantCredit } from "#server/billing/credits.ts";
import type { Id } from "#server/std/id.ts";
import { totalOf } from "./double/invoice-answer.ts";
import {
  enterCard,
  liveUntil,
  organization,
  RETURN_URL,
  sealHour,
  testBilling,
  type TestBilling,
} from "./test-billing.ts";

/** What may happen to an organization, one after the other, some days apart. */
const step = fc.oneof(
  fc.record({
    kind: fc.constant("use" as const),
    millions: fc.bigInt({ min: 0n, max: 9n }),
    cpuNs: fc.bigInt({ min: 0n, max: 10n ** 14n }),
  }),
  fc.record({
    kind: fc.constant("late" as const),
    daysAgo: fc.integer({ min: 1, max: 40 }),
    millions: fc.bigInt({ min: 1n, max: 3n }),
  }),
  fc.record({ kind: fc.constant("plan" as const), plan: fc.constantFrom("free", "pro") }),
  fc.record({ kind: fc.constant("credit" as const), cents: fc.bigInt({ min: 1n, max: 300n }) }),
);
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;
type Steps = { step: Step; days: number }[];

const steps: fc.Arbitrary<Steps> = fc.array(fc.record({ step, days: fc.integer({ min: 1, max: 9 }) }), {
  minLength: 4,
  maxLength: 12,
});

async function take(billing: TestBilling, organizationId: Id<"organization">, one: Step): Promise<void> {
  const nowMs = billing.clock.nowMs();
  const hourBefore = (ms: number) => new Date(ms - (ms % 3_600_000) - 2 * 3_600_000).toISOString();
  switch (one.kind) {
    case "use":
      return sealHour(
        billing,
        { organizationId, hour: hourBefore(nowMs) },
        { requests: one.millions * 1_000_000n, cpuNs: one.cpuNs },
      );
    case "late": {
      const atMs = Math.max(nowMs - one.daysAgo * 86_400_000, Date.parse("2026-11-04T00:00:00Z"));
      return sealHour(billing, { organizationId, hour: hourBefore(atMs) }, { requests: one.millions * 1_000_000n });
    }
    case "plan":
      await billing.payments.changePlan(organizationId, one.plan, RETURN_URL);
      return undefined;
    case "credit":
      return grantCredit(billing.tools, { organizationId, userId: "usr_op", cents: one.cents, reason: "Sorry" });
  }
}

test("whatever an organization does over months, Stripe's invoices come to what our books say, each unit charged once, and nothing is held", async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      await using billing = await testBilling({ at: "2026-11-05T10:30:00Z" });
      const organizationId = await organization(billing);
      await enterCard((await billing.payments.cardSetup(organizationId, RETURN_URL)).url);
      await billing.payments.card(organizationId);
      for (const { step: one, days } of all) {
        await take(billing, organizationId, one);
        await liveUntil(billing, new Date(billing.clock.nowMs() + days * 86_400_000).toISOString(), 48);
      }
      // Two quiet months, so that what came last is on an invoice.
      await billing.payments.changePlan(organizationId, "free", RETURN_URL);
      await liveUntil(billing, new Date(billing.clock.nowMs() + 75 * 86_400_000).toISOString(), 96);
      const { db } = billing.database;
      const books = await db.invoice.findMany({
        where: { number: { not: null }, state: { not: "void" } },
        select: { totalCents: true, creditCents: true, state: true },
      });
      const our = books.reduce((sum, { totalCents, creditCents }) => sum + totalCents - creditCents, 0n);
      const their = [...billing.double.world.invoices.values()].reduce((sum, one) => sum + totalOf(one.lines), 0n);
      expect(await db.stripeNotice.findMany({ select: { message: true } })).toEqual([]);
      expect(their).toBe(our);
      expect(books.filter(({ state }) => state !== "paid")).toEqual([]);
      const [postings] = await db.$queryRaw<
        { sum: bigint }[]
      >`SELECT coalesce(sum(cents), 0)::bigint AS sum FROM posting`;
      expect(postings?.sum).toBe(0n);
    }),
    { numRuns: 12 },
  );
}, 280_000);
