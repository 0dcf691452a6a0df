import { expect, test } from "vitest";
import { planTermsOf } from "#server/billing/plan-terms.ts";
import { firstVersion } from "#server/billing/price-book.ts";
import { addPriceVersion } from "#server/billing/price-versions.ts";
import type { Id } from "#server/std/id.ts";
import { checkoutSessionCompleted } from "./events/checkout-session-completed.ts";
import {
  emptyCard,
  enterCard,
  goodCard,
  organization,
  proOrganization,
  RETURN_URL,
  testBilling,
  type TestBilling,
} from "./test-billing.ts";

const termsOf = async ({ database }: TestBilling, id: Id<"organization">) =>
  (await planTermsOf(database.db, id)).map(({ from, plan }) => [from.toISOString().slice(0, 13), plan]);

const rowsOf = ({ database }: TestBilling, organizationId: string) =>
  database.db.stripeSubscription.findMany({
    where: { organizationId },
    orderBy: { billedFrom: "asc" },
    select: { status: true, billedFrom: true, billedTo: true, priceVersion: true },
  });

test("an organization is one customer, however many ask for it at once, and an answer that was lost is found again", async () => {
  await using billing = await testBilling();
  const id = await organization(billing);
  billing.double.faults.add({ kind: "drop-after", match: "POST /v1/customers", times: 2 });
  await expect(billing.payments.cardSetup(id, RETURN_URL)).rejects.toMatchObject({ code: "unavailable" });
  await Promise.all(Array.from({ length: 4 }, () => billing.payments.cardSetup(id, RETURN_URL)));
  expect([...billing.double.world.customers.values()].map(({ metadata }) => metadata["organization_id"])).toEqual([id]);
});

test("a failure that Stripe keeps under a key stops nobody", async () => {
  await using billing = await testBilling();
  const id = await organization(billing);
  billing.double.faults.add({ kind: "500-before", match: "POST /v1/customers", times: 1 });
  expect((await billing.payments.cardSetup(id, RETURN_URL)).url).toContain("/c/pay/");
});

test("a card that was added is there as soon as the browser is back, without an event", async () => {
  await using billing = await testBilling();
  const id = await organization(billing);
  expect(await billing.payments.card(id)).toBeNull();
  const { url } = await billing.payments.cardSetup(id, RETURN_URL);
  expect(await billing.payments.card(id)).toBeNull();
  await enterCard(url);
  expect(await billing.payments.card(id)).toEqual({ brand: "visa", last4: "4242", expires: "12/2034" });
});

test("word of an earlier card's page that comes late puts no newer card out of its place", async () => {
  await using billing = await testBilling();
  const id = await organization(billing);
  await enterCard((await billing.payments.cardSetup(id, RETURN_URL)).url, emptyCard);
  expect(await billing.payments.card(id)).toMatchObject({ last4: "0341" });
  await billing.moveTo("2026-11-24T10:31:00Z");
  await enterCard((await billing.payments.cardSetup(id, RETURN_URL)).url, goodCard);
  expect(await billing.payments.card(id)).toMatchObject({ last4: "4242" });
  const [first = ""] = billing.double.world.checkouts.keys();
  await checkoutSessionCompleted(billing.tools, first);
  expect(await billing.payments.card(id)).toMatchObject({ last4: "4242" });
  expect(await billing.payments.changePlan(id, "pro", RETURN_URL)).toEqual({ kind: "applied" });
});

test("while Stripe is away a card that was seen is shown, and what would need Stripe says that nothing changed", async () => {
  await using billing = await testBilling();
  const id = await proOrganization(billing);
  billing.double.faults.isDown = true;
  expect(await billing.payments.card(id)).toMatchObject({ last4: "4242" });
  await expect(billing.payments.changePlan(id, "free", RETURN_URL)).rejects.toMatchObject({
    code: "unavailable",
    message: expect.stringContaining("Nothing was changed"),
  });
});

test("moving up without a card leads to the page for one, and changes no plan", async () => {
  await using billing = await testBilling();
  const id = await organization(billing);
  expect(await billing.payments.changePlan(id, "pro", RETURN_URL)).toMatchObject({
    kind: "payment_required",
    url: expect.stringContaining("/c/pay/"),
  });
  expect(await termsOf(billing, id)).toEqual([["2026-11-03T09", "free"]]);
  expect(await rowsOf(billing, id)).toEqual([]);
});

test("a card that declines changes no plan; another card does", async () => {
  await using billing = await testBilling();
  const id = await organization(billing);
  await enterCard((await billing.payments.cardSetup(id, RETURN_URL)).url, emptyCard);
  const change = await billing.payments.changePlan(id, "pro", RETURN_URL);
  expect(change.kind).toBe("payment_required");
  expect(billing.double.world.subscriptions.size).toBe(0);
  if (change.kind === "payment_required") await enterCard(change.url, goodCard);
  expect(await billing.payments.changePlan(id, "pro", RETURN_URL)).toEqual({ kind: "applied" });
});

test("under prices that began just now, and that no job has made at Stripe yet, moving up works at once", async () => {
  await using billing = await testBilling();
  const id = await organization(billing);
  const effectiveAt = new Date("2026-11-24T11:00:00Z");
  await addPriceVersion(billing.tools, { userId: "usr_ada", effectiveAt, plans: firstVersion.plans });
  await billing.moveTo("2026-11-24T11:01:00Z");
  await enterCard((await billing.payments.cardSetup(id, RETURN_URL)).url);
  expect(await billing.payments.changePlan(id, "pro", RETURN_URL)).toEqual({ kind: "applied" });
  expect(await rowsOf(billing, id)).toMatchObject([{ status: "active", priceVersion: 2 }]);
});

test("moving up holds and is paid from the hour that runs, to the cent as our own fee line has it", async () => {
  await using billing = await testBilling();
  const id = await proOrganization(billing);
  expect(await termsOf(billing, id)).toEqual([
    ["2026-11-03T09", "free"],
    ["2026-11-24T10", "pro"],
  ]);
  expect(await rowsOf(billing, id)).toEqual([
    { status: "active", billedFrom: new Date("2026-11-24T10:00:00Z"), billedTo: null, priceVersion: 1 },
  ]);
  // 158 of 720 hours of 500 cents.
  expect(await billing.payments.preview(id)).toEqual({
    totalCents: 110n,
    lines: [
      { meter: "fee", cents: 110n },
      { meter: "requests", cents: 0n },
      { meter: "cpu", cents: 0n },
      { meter: "egress", cents: 0n },
    ],
  });
});

test("an answer that was lost begins no second subscription, and neither do many who ask at once", async () => {
  await using billing = await testBilling();
  const id = await organization(billing);
  await enterCard((await billing.payments.cardSetup(id, RETURN_URL)).url);
  await billing.payments.card(id);
  billing.double.faults.add({ kind: "drop-after", match: "POST /v1/subscriptions", times: 2 });
  await expect(billing.payments.changePlan(id, "pro", RETURN_URL)).rejects.toMatchObject({ code: "unavailable" });
  await Promise.all(Array.from({ length: 3 }, () => billing.payments.changePlan(id, "pro", RETURN_URL)));
  expect(billing.double.world.subscriptions.size).toBe(1);
  expect(billing.double.world.invoices.size).toBe(1);
});

test("moving down holds from the next month: its fee is not charged, this month's is not given back, and the choice can be taken back", async () => {
  await using billing = await testBilling();
  const id = await proOrganization(billing);
  const [subscription] = [...billing.double.world.subscriptions.values()];
  await billing.moveTo("2026-11-25T10:00:00Z");
  expect(await billing.payments.changePlan(id, "free", RETURN_URL)).toEqual({ kind: "applied" });
  expect(subscription?.items).toHaveLength(3);
  expect((await rowsOf(billing, id))[0]?.billedTo).toEqual(new Date("2026-12-01T00:00:00Z"));
  await billing.payments.changePlan(id, "pro", RETURN_URL);
  expect(subscription?.items).toHaveLength(4);
  expect((await rowsOf(billing, id))[0]?.billedTo).toBeNull();
  expect(await termsOf(billing, id)).toEqual([
    ["2026-11-03T09", "free"],
    ["2026-11-24T10", "pro"],
  ]);
  expect(billing.double.world.invoiceItems.size).toBe(0);
});

test("the portal is a page of its own, once it is set up", async () => {
  await using billing = await testBilling();
  const id = await organization(billing);
  expect((await billing.payments.portal(id, RETURN_URL)).url).toContain("/p/session/");
  billing.double.world.portalConfigurations.clear();
  await expect(billing.payments.portal(id, RETURN_URL)).rejects.toThrow("npm run stripe:setup");
});
