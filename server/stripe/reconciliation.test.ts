import { expect, test } from "vitest";
import { reconcile } from "./reconcile.ts";
import { exchangeStanding, reconciliationOf } from "./reconciliation.ts";
import { lookAgain, unpark } from "./release.ts";
import { drain, liveUntil, organization, proOrganization, sealHour, testBilling, workRound } from "./test-billing.ts";

const million = 1_000_000n;
const hour = "2026-11-24T12:00:00Z";

test("hours and money stand side by side: equal once they are told, and what Stripe has otherwise is named with its difference", async () => {
  await using billing = await testBilling();
  const id = await proOrganization(billing);
  await billing.moveTo("2026-11-24T13:06:00Z");
  await sealHour(billing, { organizationId: id, hour }, { requests: 6n * million });
  const money = async () => (await reconciliationOf(billing.tools, id)).month?.find(({ part }) => part === "requests");
  expect(await money()).toMatchObject({ ours: "$0.30", stripe: "$0.00", difference: "-$0.30", isEqual: false });
  await drain(billing);
  expect(await money()).toMatchObject({ ours: "$0.30", stripe: "$0.30", isEqual: true });
  const requests = async () =>
    (await reconciliationOf(billing.tools, id)).hours.filter(({ meter }) => meter === "requests");
  expect(await requests()).toMatchObject([{ ledger: 6n * million, stripe: 6n * million, isSettled: false }]);
  await billing.moveTo("2026-11-24T14:30:00Z");
  const [event] = billing.double.world.meterEvents;
  if (event) event.value -= 5n;
  expect(await requests()).toMatchObject([{ hourAt: new Date(hour), difference: -5n, isSettled: true }]);
  // The job tells it again, and then they agree.
  expect(await reconcile(billing.tools)).toHaveLength(1);
  await drain(billing);
  expect(await requests()).toMatchObject([{ difference: 0n }]);
});

test("an organization that pays nothing through Stripe has nothing there to compare, and while Stripe is away its answer is said", async () => {
  await using billing = await testBilling();
  expect(await reconciliationOf(billing.tools, await organization(billing))).toEqual({
    hours: [],
    month: null,
    awayBecause: null,
  });
  const id = await proOrganization(billing);
  billing.double.faults.isDown = true;
  expect(await reconciliationOf(billing.tools, id)).toMatchObject({
    month: null,
    awayBecause: expect.stringContaining("connection"),
  });
});

test("the standing names what waits, who is parked and what is held, each until an operator has put it right", async () => {
  await using billing = await testBilling();
  const { database, double, tools } = billing;
  const id = await proOrganization(billing);
  const { db } = database;
  await db.user.create({ data: { id: "usr_op", name: "Op", email: "op@example.com" }, select: { id: true } });
  await billing.moveTo("2026-11-24T13:06:00Z");
  await sealHour(billing, { organizationId: id, hour }, { requests: 8n * million });
  await db.stripeCustomer.update({
    where: { organizationId: id },
    data: { parkedBecause: "no such customer" },
    select: { organizationId: true },
  });
  await drain(billing);
  expect(await exchangeStanding(tools)).toMatchObject({
    outbox: { queued: 1, oldestHourAt: new Date(hour) },
    parked: [{ organizationId: id, because: "no such customer" }],
    held: [],
  });
  await unpark(tools, { userId: "usr_op", organizationId: id });
  await workRound(billing);
  expect(await exchangeStanding(tools)).toMatchObject({ outbox: { queued: 0 }, parked: [] });
  // Somebody else wrote to the meter at Stripe.
  const [event] = double.world.meterEvents;
  if (event) event.value += 1n * million;
  await liveUntil(billing, "2026-12-01T12:00:00Z", 48);
  const { held, notices } = await exchangeStanding(tools);
  expect(held).toMatchObject([
    { monthAt: new Date("2026-11-24T10:00:00Z"), because: expect.stringContaining("cents") },
  ]);
  expect(notices).toHaveLength(1);
  if (event) event.value -= 1n * million;
  await lookAgain(tools, { userId: "usr_op", invoiceId: held[0]?.invoiceId ?? "" });
  expect(await exchangeStanding(tools)).toMatchObject({ held: [], notices: [] });
  const audited = await db.auditEntry.findMany({
    where: { userId: "usr_op" },
    orderBy: { at: "asc" },
    select: { action: true },
  });
  expect(audited.map(({ action }) => action)).toEqual(["usage.unparked", "invoice.looked_at_again"]);
});
