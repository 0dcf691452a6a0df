import { expect, test } from "vitest";
import { grantCredit } from "#server/billing/credits.ts";
import { firstVersion } from "#server/billing/price-book.ts";
import { addPriceVersion } from "#server/billing/price-versions.ts";
import { parseCents } from "#server/std/money.ts";
import { totalOf } from "./double/invoice-answer.ts";
import { releaseInvoice } from "./period-close.ts";
import {
  countedBy,
  liveUntil,
  organization,
  proOrganization,
  RETURN_URL,
  sealHour,
  testBilling,
  workRound,
  type TestBilling,
} from "./test-billing.ts";

const million = 1_000_000n;
const cpuHour = 3_600_000_000_000n;
const gigabyte = 1_000_000_000n;

/** Stripe's invoices of a reason, oldest first. */
function theirs({ double }: TestBilling, reason = "subscription_cycle") {
  return [...double.world.invoices.values()]
    .filter((one) => one.reason === reason)
    .map((invoice) => ({
      id: invoice.id,
      status: invoice.status,
      total: totalOf(invoice.lines),
      cents: invoice.lines.map(({ cents }) => cents),
      marks: invoice.lines.flatMap(({ metadata }) => metadata["sluice_settles"] ?? []),
    }));
}

function ours({ database }: TestBilling) {
  return database.db.invoice.findMany({
    orderBy: { periodFrom: "asc" },
    select: { periodFrom: true, state: true, totalCents: true, creditCents: true, reason: true },
  });
}

/** All money on both sides: what our books ask for, and what Stripe charged or will charge for months that are over. */
async function sums(billing: TestBilling) {
  const our = (await ours(billing))
    .filter(({ state }) => state !== "void")
    .reduce((sum, one) => sum + one.totalCents - one.creditCents, 0n);
  const their = [...billing.double.world.invoices.values()].reduce((sum, one) => sum + totalOf(one.lines), 0n);
  return { our, their };
}

test("a month is closed when all its hours are sealed and told: our invoice and Stripe's agree to the cent, and both are paid", async () => {
  await using billing = await testBilling();
  const organizationId = await proOrganization(billing);
  await billing.moveTo("2026-11-25T00:06:00Z");
  await sealHour(
    billing,
    { organizationId, hour: "2026-11-24T10:00:00Z" },
    { requests: 7n * million, cpuNs: 11n * cpuHour + 17n, egressBytes: 130n * gigabyte + 1n },
  );
  await sealHour(
    billing,
    { organizationId, hour: "2026-11-24T22:00:00Z" },
    { requests: 1_234_567n, cpuNs: 35_999n, egressBytes: 999n },
  );
  await workRound(billing);
  const preview = await billing.payments.preview(organizationId);
  await liveUntil(billing, "2026-12-01T12:00:00Z");
  const [invoice] = await ours(billing);
  // 158 of 720 hours of the fee; 3.234567 million requests at 30 cents, an hour and a bit of CPU at 8, 30 GB at 4.
  expect(invoice).toMatchObject({ state: "paid", totalCents: 110n + 97n + 8n + 120n, reason: "Paid by card." });
  expect(preview?.totalCents).toBe(invoice?.totalCents);
  expect(theirs(billing)).toMatchObject([{ status: "paid", cents: [500n, 97n, 8n, 120n], marks: [] }]);
});

test("the last hours of a month are on its invoice, although they are sealed and told after the month is over", async () => {
  await using billing = await testBilling();
  const organizationId = await proOrganization(billing);
  await liveUntil(billing, "2026-12-01T00:04:00Z", 48);
  await sealHour(billing, { organizationId, hour: "2026-11-30T23:00:00Z" }, { requests: 6n * million });
  await sealHour(billing, { organizationId, hour: "2026-12-01T00:00:00Z" }, { requests: 0n });
  await liveUntil(billing, "2026-12-02T12:00:00Z");
  expect(theirs(billing)).toMatchObject([{ status: "paid", cents: [500n, 30n, 0n, 0n] }]);
  expect((await ours(billing))[0]).toMatchObject({ state: "paid", totalCents: 140n });
});

test("a draft waits for as long as the month is not sealed, and Stripe does not finalize it by itself", async () => {
  await using billing = await testBilling();
  await proOrganization(billing);
  const { db } = billing.database;
  // A runtime that can't ship: its month stays open.
  await db.runtimeEpoch.create({
    data: { node: "a", region: "r", shippedAt: new Date("2026-11-30T12:00:00Z") },
    select: { epoch: true },
  });
  await liveUntil(billing, "2026-12-04T00:00:00Z");
  expect(theirs(billing)[0]?.status).toBe("draft");
  await db.runtimeEpoch.updateMany({ data: { drainedAt: new Date("2026-12-04T00:00:00Z") } });
  await liveUntil(billing, "2026-12-04T12:00:00Z");
  expect(theirs(billing)[0]?.status).toBe("paid");
});

test("a difference that nothing explains is waited out for an hour, then held: nothing is charged, the operator is told, and once it is put right it is closed", async () => {
  await using billing = await testBilling();
  const organizationId = await proOrganization(billing);
  await billing.moveTo("2026-11-25T00:06:00Z");
  await sealHour(billing, { organizationId, hour: "2026-11-24T12:00:00Z" }, { requests: 8n * million });
  await workRound(billing);
  // Somebody else wrote to the meter at Stripe.
  const [event] = billing.double.world.meterEvents;
  if (event) event.value += 1_000_000n;
  await liveUntil(billing, "2026-12-01T12:00:00Z");
  expect(theirs(billing)[0]?.status).toBe("draft");
  expect((await ours(billing))[0]).toMatchObject({
    state: "held",
    reason: expect.stringContaining("cents of requests"),
  });
  const notices = await billing.database.db.stripeNotice.findMany({ select: { key: true, message: true } });
  expect(notices[0]?.message).toContain("is held");
  await liveUntil(billing, "2026-12-05T00:00:00Z", 24);
  expect(theirs(billing)[0]?.status).toBe("draft");
  if (event) event.value -= 1_000_000n;
  expect(await releaseInvoice(billing.tools, theirs(billing)[0]?.id ?? "")).toBe("closed");
  expect((await ours(billing))[0]).toMatchObject({ state: "paid", totalCents: 110n + 90n });
  expect(await billing.database.db.stripeNotice.count()).toBe(0);
});

test("usage that comes late is on the next invoice, once", async () => {
  await using billing = await testBilling();
  const organizationId = await proOrganization(billing);
  await billing.moveTo("2026-11-25T00:06:00Z");
  await sealHour(billing, { organizationId, hour: "2026-11-24T12:00:00Z" }, { requests: 6n * million });
  await liveUntil(billing, "2026-12-02T00:00:00Z", 24);
  await sealHour(billing, { organizationId, hour: "2026-11-24T13:00:00Z" }, { requests: 2n * million });
  await liveUntil(billing, "2027-02-02T00:00:00Z", 48);
  expect(theirs(billing).map(({ cents, marks }) => [cents, marks])).toEqual([
    [[500n, 30n, 0n, 0n], []],
    [[500n, 0n, 0n, 0n, 60n], ["2026-12:late"]],
    [[500n, 0n, 0n, 0n], []],
  ]);
  const { our, their } = await sums(billing);
  // February's fee is charged ahead.
  expect(their).toBe(our + 500n);
});

test("a credit of ours is taken off Stripe's invoice", async () => {
  await using billing = await testBilling();
  const organizationId = await proOrganization(billing);
  const { db, clock } = billing.tools;
  await db.user.create({ data: { id: "usr_op", name: "Op", email: "op@example.com" }, select: { id: true } });
  await grantCredit({ db, clock }, { organizationId, userId: "usr_op", cents: 60n, reason: "Sorry" });
  await liveUntil(billing, "2026-12-02T00:00:00Z", 24);
  expect(theirs(billing)).toMatchObject([
    { status: "paid", cents: [500n, 0n, 0n, 0n, -60n], marks: ["2026-11:credit"] },
  ]);
  expect((await ours(billing))[0]).toMatchObject({ state: "paid", totalCents: 110n, creditCents: 60n });
});

test("prices that change within a month are put right on its invoice, and the next month has them from its first hour on", async () => {
  await using billing = await testBilling();
  const organizationId = await proOrganization(billing);
  const { db, clock } = billing.tools;
  const { pro, free } = firstVersion.plans;
  const plans = {
    free,
    pro: {
      ...pro,
      monthlyFee: parseCents("720"),
      meters: { ...pro.meters, requests: { ...pro.meters.requests, price: parseCents("60") } },
    },
  };
  await addPriceVersion({ db, clock }, { userId: "usr_op", effectiveAt: new Date("2026-11-26T00:00:00Z"), plans });
  await billing.moveTo("2026-11-27T00:06:00Z");
  await sealHour(billing, { organizationId, hour: "2026-11-24T12:00:00Z" }, { requests: 6n * million });
  await sealHour(billing, { organizationId, hour: "2026-11-26T12:00:00Z" }, { requests: 1n * million });
  await liveUntil(billing, "2026-12-01T12:00:00Z", 24);
  await sealHour(billing, { organizationId, hour: "2026-12-01T10:00:00Z" }, { requests: 6n * million });
  await liveUntil(billing, "2027-01-01T12:00:00Z", 72);
  const [november, december] = theirs(billing);
  // Stripe: 2 million at 30. Ours: one at 30 and one at 60; and the fee of its last five days is the dearer one.
  expect(november).toMatchObject({ status: "paid", marks: ["2026-11:prices"] });
  expect(december).toMatchObject({ status: "paid", cents: [720n, 60n, 0n, 0n, 220n], marks: ["2026-12:prices"] });
  const { our, their } = await sums(billing);
  expect(their).toBe(our + 720n);
});

test("moving to Free: the last month's late hours are on its invoice, no later fee is charged, the subscription ends, and nothing used after is told", async () => {
  await using billing = await testBilling();
  const organizationId = await proOrganization(billing);
  await billing.moveTo("2026-11-25T00:06:00Z");
  await billing.payments.changePlan(organizationId, "free", RETURN_URL);
  await liveUntil(billing, "2026-12-01T00:04:00Z", 48);
  await sealHour(billing, { organizationId, hour: "2026-11-30T23:00:00Z" }, { requests: 6n * million });
  await sealHour(billing, { organizationId, hour: "2026-12-01T00:00:00Z" }, { requests: 900_000n });
  await liveUntil(billing, "2026-12-03T00:00:00Z", 12);
  expect(theirs(billing)).toMatchObject([{ status: "paid", cents: [30n, 0n, 0n] }]);
  expect([...billing.double.world.subscriptions.values()][0]?.status).toBe("canceled");
  expect(
    countedBy(billing, { meter: "sluice_requests", from: "2026-12-01T00:00:00Z", to: "2027-01-01T00:00:00Z" }),
  ).toBe(0n);
  const { our, their } = await sums(billing);
  expect(their).toBe(our);
});

test("usage that comes late when there is no subscription any more gets an invoice of its own, or is let go below what a card can be charged", async () => {
  await using billing = await testBilling();
  const organizationId = await proOrganization(billing);
  await billing.payments.changePlan(organizationId, "free", RETURN_URL);
  await liveUntil(billing, "2026-12-02T00:00:00Z", 24);
  await sealHour(billing, { organizationId, hour: "2026-11-24T13:00:00Z" }, { requests: 8n * million });
  await liveUntil(billing, "2027-01-05T00:00:00Z", 48);
  expect(theirs(billing, "manual")).toMatchObject([{ status: "paid", total: 90n, marks: ["2026-12:late"] }]);
  await sealHour(billing, { organizationId, hour: "2026-11-24T14:00:00Z" }, { requests: 1n * million });
  await liveUntil(billing, "2027-02-03T00:00:00Z", 72);
  expect(theirs(billing, "manual")).toHaveLength(1);
  expect((await ours(billing)).map(({ state, totalCents }) => [state, totalCents])).toEqual([
    ["paid", 110n],
    ["paid", 90n],
    ["void", 30n],
  ]);
});

test("a plan that began and ended on Free costs nothing anywhere", async () => {
  await using billing = await testBilling();
  const organizationId = await organization(billing);
  await billing.moveTo("2026-11-25T00:06:00Z");
  await sealHour(billing, { organizationId, hour: "2026-11-24T12:00:00Z" }, { requests: 900_000n });
  await liveUntil(billing, "2026-12-03T00:00:00Z", 48);
  expect(billing.double.world.meterEvents).toEqual([]);
  expect(await ours(billing)).toEqual([]);
});
