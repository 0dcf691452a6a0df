import { createServer } from "node:http";
import { once } from "node:events";
import fc from "fast-check";
import { expect, test } from "vitest";
import { setPause } from "#server/billing/spending-rule.ts";
import { planTermsOf } from "#server/billing/plan-terms.ts";
import { budgetState } from "#server/metering/budget.ts";
import { catchUp } from "./catch-up.ts";
import { signatureHeader } from "./double/deliveries.ts";
import type { StripeEvent } from "./double/world.ts";
import { enforceStanding, standingOf } from "./standing.ts";
import {
  applyAll,
  enterCard,
  organization,
  proOrganization,
  RETURN_URL,
  testBilling,
  type TestBilling,
} from "./test-billing.ts";
import { receiveEvent } from "./webhook.ts";

/** The console's door for webhooks, over real HTTP, with the endpoint at the double pointing to it. */
async function door(billing: TestBilling) {
  const [endpoint] = [...billing.double.world.webhookEndpoints.values()];
  if (!endpoint) throw new Error("no endpoint");
  // Deliveries are signed with the real time.
  const tools = {
    ...billing.tools,
    clock: { nowMs: () => Date.now(), monotonicUs: () => 0 },
    webhookSecret: endpoint.secret,
  };
  const server = createServer(async (req, res) => {
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(chunk);
    const signature = req.headers["stripe-signature"];
    const { status, said } = await receiveEvent(tools, {
      body: Buffer.concat(chunks).toString(),
      signature: typeof signature === "string" ? signature : null,
    });
    res.writeHead(status).end(said);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  endpoint.url = `http://127.0.0.1:${address.port}/`;
  return {
    url: endpoint.url,
    secret: endpoint.secret,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const recorded = ({ database }: TestBilling) => database.db.webhookEvent.count();

test("only what Stripe signed, just now and over these very bytes, is written down", async () => {
  await using billing = await testBilling();
  await using entry = await door(billing);
  const body = JSON.stringify({
    id: "evt_1",
    object: "event",
    type: "invoice.paid",
    created: 1,
    data: { object: { id: "in_1" } },
  });
  const post = (signature: string, text = body) =>
    fetch(entry.url, { method: "POST", headers: { "stripe-signature": signature }, body: text });
  const now = Math.floor(Date.now() / 1_000);
  const bad = [
    post(signatureHeader(body, "whsec_other")),
    post(signatureHeader(body, entry.secret), `${body} `),
    post(signatureHeader(body, entry.secret, now - 400)),
    post(""),
    post("nonsense"),
    post(signatureHeader("no JSON", entry.secret), "no JSON"),
    fetch(entry.url, { method: "POST", body }),
  ];
  expect((await Promise.all(bad)).map(({ status }) => status)).toEqual(bad.map(() => 400));
  expect(await recorded(billing)).toBe(0);
  expect((await post(signatureHeader(body, entry.secret))).status).toBe(200);
  expect((await post(signatureHeader(body, entry.secret))).status).toBe(200);
  expect(await recorded(billing)).toBe(1);
});

/** What our tables say of Stripe's objects. */
async function mirror({ database: { db } }: TestBilling) {
  return {
    customers: await db.stripeCustomer.findMany({
      orderBy: { organizationId: "asc" },
      select: { cardLast4: true, unpaidSince: true },
    }),
    subscriptions: await db.stripeSubscription.findMany({
      orderBy: { subscriptionId: "asc" },
      select: { subscriptionId: true, status: true, billedFrom: true, billedTo: true, endedAt: true },
    }),
    invoices: await db.stripeInvoice.findMany({
      orderBy: { invoiceId: "asc" },
      select: { invoiceId: true, status: true, totalCents: true, lines: true, overdueSince: true },
    }),
  };
}

test("shuffled, doubled, in pieces: in any order the mirror ends with what Stripe has", async () => {
  await using billing = await testBilling();
  await using entry = await door(billing);
  const id = await organization(billing);
  await enterCard((await billing.payments.cardSetup(id, RETURN_URL)).url);
  await billing.payments.changePlan(id, "pro", RETURN_URL);
  const [card] = [...billing.double.world.paymentMethods.values()];
  if (card) card.declines = true;
  await billing.double.advanceTo(Date.parse("2026-12-09T00:00:00Z"));
  if (card) card.declines = false;
  await billing.double.advanceTo(Date.parse("2026-12-20T00:00:00Z"));
  billing.clock.at = "2026-12-20T00:00:00Z";
  const events = [...billing.double.world.events.values()];
  await billing.double.deliveries.deliver();
  await applyAll(billing);
  const expected = await mirror(billing);
  expect(expected.invoices.map(({ status }) => status)).toEqual(["paid", "paid"]);
  expect(entry.url).toBeDefined();

  await fc.assert(
    fc.asyncProperty(fc.infiniteStream(fc.nat()), fc.integer({ min: 1, max: 3 }), async (random, copies) => {
      const { db } = billing.database;
      await db.webhookEvent.deleteMany();
      await db.stripeInvoice.deleteMany();
      await db.stripeSubscription.deleteMany();
      for (const event of events) event.wasDelivered = false;
      const order = (waiting: readonly StripeEvent[]) =>
        waiting
          .map((event) => ({ event, at: random.next().value ?? 0 }))
          .toSorted((a, b) => a.at - b.at)
          .map(({ event }) => event);
      await billing.double.deliveries.deliver({ order, copies });
      await applyAll(billing);
      expect(await mirror(billing)).toEqual(expected);
    }),
    { numRuns: 8 },
  );
});

test("an event whose object can't be fetched now is tried again, and an operator is told after a while", async () => {
  await using billing = await testBilling();
  await using entry = await door(billing);
  await proOrganization(billing);
  await billing.double.deliveries.deliver();
  billing.double.faults.isDown = true;
  await applyAll(billing);
  const waiting = await billing.database.db.webhookEvent.count({ where: { appliedAt: null } });
  expect(waiting).toBeGreaterThan(0);
  for (let tries = 0; tries < 8; tries += 1) await applyAll(billing);
  const notices = await billing.database.db.stripeNotice.findMany({ select: { message: true } });
  expect(notices[0]?.message).toContain("can't be applied");
  billing.double.faults.isDown = false;
  await applyAll(billing);
  expect(await billing.database.db.webhookEvent.count({ where: { appliedAt: null } })).toBe(0);
  expect(await billing.database.db.stripeNotice.count()).toBe(0);
  expect(entry.url).toBeDefined();
});

test("events that never arrived are asked for, each once", async () => {
  await using billing = await testBilling();
  await proOrganization(billing);
  await billing.double.deliveries.deliver();
  expect(await recorded(billing)).toBe(0);
  const caught = await catchUp(billing.tools);
  expect(caught).toBeGreaterThan(3);
  expect(await catchUp(billing.tools)).toBe(0);
  await applyAll(billing);
  const { invoices, subscriptions } = await mirror(billing);
  expect([invoices.length, subscriptions.length]).toEqual([1, 1]);
});

test("a plan that was paid for is given even when whoever asked for it never heard the answer", async () => {
  await using billing = await testBilling();
  const id = await organization(billing);
  await enterCard((await billing.payments.cardSetup(id, RETURN_URL)).url);
  await billing.payments.card(id);
  billing.double.faults.add({ kind: "drop-after", match: "POST /v1/subscriptions", times: 2 });
  await expect(billing.payments.changePlan(id, "pro", RETURN_URL)).rejects.toMatchObject({ code: "unavailable" });
  await catchUp(billing.tools);
  await applyAll(billing);
  expect((await planTermsOf(billing.database.db, id)).at(-1)?.plan).toBe("pro");
});

test("the month's invoice waits for the month's last hours: finalizing is put off by a day as soon as it is there", async () => {
  await using billing = await testBilling();
  await proOrganization(billing);
  await billing.moveTo("2026-12-01T00:00:10Z");
  await catchUp(billing.tools);
  await applyAll(billing);
  await billing.moveTo("2026-12-01T20:00:00Z");
  const drafts = [...billing.double.world.invoices.values()].filter(({ status }) => status === "draft");
  expect(drafts).toHaveLength(1);
});

test.each([
  ["2026-12-01T00:00:00Z", { kind: "grace", endsAt: new Date("2026-12-08T00:00:00Z"), noticesDue: 1 }],
  ["2026-12-04T00:00:00Z", { kind: "grace", endsAt: new Date("2026-12-08T00:00:00Z"), noticesDue: 2 }],
  ["2026-12-07T23:59:59Z", { kind: "grace", endsAt: new Date("2026-12-08T00:00:00Z"), noticesDue: 3 }],
  ["2026-12-08T00:00:00Z", { kind: "stopped", noticesDue: 4 }],
])("owing since 1 December, at %s", (now, standing) => {
  expect(standingOf(new Date("2026-12-01T00:00:00Z"), new Date(now))).toEqual(standing);
});

test("a declined card brings notices, after seven days a stop, and a payment lets go on at once; an operator's pause outlasts it", async () => {
  await using billing = await testBilling();
  await using _ = await door(billing);
  const id = await proOrganization(billing);
  const { db } = billing.database;
  await db.user.create({ data: { id: "usr_ada", name: "Ada", email: "ada@example.com" }, select: { id: true } });
  await db.member.create({ data: { organizationId: id, userId: "usr_ada", role: "owner" }, select: { role: true } });
  const tools = { ...billing.tools, mail: { billingUrl: (slug: string) => `http://localhost/${slug}/billing` } };
  const [card] = [...billing.double.world.paymentMethods.values()];
  if (card) card.declines = true;
  const look = async () => {
    await billing.double.deliveries.deliver();
    await applyAll(billing);
    await enforceStanding(tools);
    const state = await budgetState(db, id);
    const subjects = (
      await db.mailMessage.findMany({ orderBy: { nextAttemptAt: "asc" }, select: { subject: true } })
    ).map(({ subject }) => subject);
    return { verdict: state.verdict.state, mails: subjects.length, last: subjects.at(-1) };
  };
  await billing.moveTo("2026-12-01T00:00:10Z");
  expect((await look()).mails).toBe(0);
  await billing.moveTo("2026-12-02T00:00:20Z");
  expect(await look()).toEqual({ verdict: "open", mails: 1, last: "Acme: a payment failed" });
  expect((await look()).mails).toBe(1);
  await billing.moveTo("2026-12-05T00:00:20Z");
  expect(await look()).toMatchObject({ verdict: "open", mails: 2 });
  await billing.moveTo("2026-12-09T00:00:20Z");
  expect(await look()).toMatchObject({ verdict: "stopped", last: expect.stringContaining("have stopped") });
  await setPause({ db }, { organizationId: id, userId: "usr_ada", pausedBecause: "Abuse." });
  if (card) card.declines = false;
  const open = [...billing.double.world.invoices.values()].find(({ status }) => status === "open");
  await billing.stripe.invoices.pay(open?.id ?? "", {}, { idempotencyKey: "pay" });
  expect((await look()).verdict).toBe("stopped");
  await setPause({ db }, { organizationId: id, userId: "usr_ada", pausedBecause: null });
  expect((await look()).verdict).toBe("open");
});
