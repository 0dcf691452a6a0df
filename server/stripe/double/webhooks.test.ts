import { createServer } from "node:http";
import { once } from "node:events";
import type Stripe from "stripe";
import { expect, test } from "vitest";
import { customerWithCard, licensedPrice, subscribe, testAccount, type TestAccount } from "./test-account.ts";

const december = Date.parse("2026-12-01T00:00:00Z");

/** A place that hears webhooks, checks their signature and says what it is told to say. */
async function listener() {
  const heard: { body: string; signature: string }[] = [];
  const says = { status: 200 };
  const server = createServer(async (req, res) => {
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(chunk);
    heard.push({ body: Buffer.concat(chunks).toString(), signature: String(req.headers["stripe-signature"]) });
    res.writeHead(says.status).end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    heard,
    says,
    url: `http://127.0.0.1:${address.port}/hook`,
    types: (stripe: Stripe, secret: string) =>
      heard.map(({ body, signature }) => stripe.webhooks.constructEvent(body, signature, secret).type),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const register = ({ stripe }: TestAccount, url: string, events: Stripe.WebhookEndpointCreateParams.EnabledEvent[]) =>
  stripe.webhookEndpoints.create({ url, enabled_events: events });

test("an endpoint hears the types that it asked for, signed so that the SDK accepts them and no other body", async () => {
  await using account = await testAccount();
  await using place = await listener();
  const { secret = "" } = await register(account, place.url, ["customer.created"]);
  const { id } = await account.stripe.customers.create({ name: "Acme" });
  await account.stripe.customers.update(id, { name: "Acme Ltd" });
  expect(await account.double.deliveries.deliver()).toBe(1);
  expect(place.types(account.stripe, secret)).toEqual(["customer.created"]);
  const [{ body, signature } = { body: "", signature: "" }] = place.heard;
  expect(() => account.stripe.webhooks.constructEvent(JSON.stringify(JSON.parse(body)), signature, secret)).toThrow();
  expect(() => account.stripe.webhooks.constructEvent(body, signature, "whsec_other")).toThrow();
});

test("the secret is told once, when the endpoint is made", async () => {
  await using account = await testAccount();
  const made = await register(account, "http://127.0.0.1:9/hook", ["*"]);
  expect(made.secret).toMatch(/^whsec_/);
  expect((await account.stripe.webhookEndpoints.list()).data[0]?.secret).toBeUndefined();
});

test("what is not answered with 2xx is sent again; copies and any order can be had", async () => {
  await using account = await testAccount();
  await using place = await listener();
  await register(account, place.url, ["customer.created"]);
  const names = ["a", "b", "c"];
  for (const name of names) await account.stripe.customers.create({ name });
  place.says.status = 500;
  expect(await account.double.deliveries.deliver()).toBe(0);
  place.says.status = 200;
  place.heard.length = 0;
  await account.double.deliveries.deliver({ copies: 2, order: (events) => events.toReversed() });
  const heard = place.heard.map(({ body }) => JSON.parse(body).data.object.name);
  expect(heard).toEqual(["c", "c", "b", "b", "a", "a"]);
  expect(account.double.deliveries.waiting()).toEqual([]);
});

test("events can be asked for afterwards: those that failed, those of a type, those since a moment; for 30 days", async () => {
  await using account = await testAccount();
  const { double, stripe } = account;
  await register(account, "http://127.0.0.1:9/hook", ["customer.created"]);
  const { id } = await stripe.customers.create({ name: "Acme" });
  await stripe.customers.update(id, { name: "Acme Ltd" });
  await double.deliveries.deliver();
  const failed = await stripe.events.list({ delivery_success: false });
  expect(failed.data.map(({ type }) => type)).toEqual(["customer.created"]);
  expect((await stripe.events.list({ types: ["customer.updated"] })).data).toHaveLength(1);
  expect((await stripe.events.list({ created: { gt: double.world.now } })).data).toEqual([]);
  await double.advanceTo(double.world.nowMs + 31 * 86_400_000);
  expect((await stripe.events.list()).data).toEqual([]);
});

test("an invoice is not finalized by itself while nobody has taken the news of it, for three days at most", async () => {
  await using account = await testAccount();
  const { double, stripe } = account;
  const customer = await customerWithCard(account);
  await subscribe(stripe, customer, [await licensedPrice(stripe)]);
  await register(account, "http://127.0.0.1:9/hook", ["invoice.created"]);
  await double.advanceTo(december + 5 * 3_600_000);
  const status = async () => (await stripe.invoices.list({ customer: customer.id })).data[0]?.status;
  expect(await status()).toBe("draft");
  await double.advanceTo(december + 73 * 3_600_000);
  expect(await status()).toBe("paid");
});
