import { expect, test } from "vitest";
import { testAccount, type TestAccount } from "./test-account.ts";

const back = "http://127.0.0.1:9/acme/billing";

async function checkout({ stripe }: TestAccount) {
  const customer = await stripe.customers.create({ name: "Acme" });
  const session = await stripe.checkout.sessions.create({
    mode: "setup",
    currency: "usd",
    customer: customer.id,
    success_url: `${back}?session={CHECKOUT_SESSION_ID}`,
    setup_intent_data: { metadata: { organization_id: "org_1" } },
  });
  return { customer, session };
}

const submit = (url: string | null, number: string) =>
  fetch(url ?? "", { method: "POST", redirect: "manual", body: new URLSearchParams({ cardnumber: number }) });

test("Checkout's page has a field Card number and a button Save card, keeps the card, and leads back", async () => {
  await using account = await testAccount();
  const { customer, session } = await checkout(account);
  const page = await (await fetch(session.url ?? "")).text();
  expect(page).toMatch(/<label>Card number <input/);
  expect(page).toContain('<button type="submit">Save card</button>');
  const answer = await submit(session.url, "4242 4242 4242 4242");
  expect(answer.headers.get("location")).toBe(`${back}?session=${session.id}`);
  const done = await account.stripe.checkout.sessions.retrieve(session.id, { expand: ["setup_intent"] });
  expect(done).toMatchObject({
    status: "complete",
    url: null,
    setup_intent: { status: "succeeded", metadata: { organization_id: "org_1" } },
  });
  const cards = await account.stripe.customers.listPaymentMethods(customer.id, { type: "card" });
  expect(cards.data[0]?.card).toMatchObject({ brand: "visa", last4: "4242" });
  // A card that is saved is not yet the one that is charged.
  expect((await account.stripe.customers.retrieve(customer.id)).deleted).toBeUndefined();
  expect(account.double.world.customers.get(customer.id)?.defaultPaymentMethod).toBeNull();
  expect((await fetch(session.url ?? "")).status).toBe(410);
});

test("a card that the bank refuses is not kept, and the page says so", async () => {
  await using account = await testAccount();
  const { session } = await checkout(account);
  expect(await (await submit(session.url, "4000000000000002")).text()).toContain("Your card was declined.");
  expect(await (await submit(session.url, "1234")).text()).toContain("Your card number is invalid.");
  expect((await account.stripe.checkout.sessions.retrieve(session.id)).status).toBe("open");
});

test("a page that nobody used for a day has expired", async () => {
  await using account = await testAccount();
  const { session } = await checkout(account);
  await account.double.advanceTo(account.double.world.nowMs + 86_400_000);
  expect((await submit(session.url, "4242424242424242")).status).toBe(200);
  expect((await account.stripe.checkout.sessions.retrieve(session.id)).status).toBe("expired");
});

test("the portal changes the card that is charged, and leads back", async () => {
  await using account = await testAccount();
  const { stripe, double } = account;
  const customer = await stripe.customers.create({ name: "Acme" });
  const configuration = await stripe.billingPortal.configurations.create({
    features: { payment_method_update: { enabled: true }, invoice_history: { enabled: true } },
  });
  const session = await stripe.billingPortal.sessions.create({
    customer: customer.id,
    configuration: configuration.id,
    return_url: back,
  });
  expect(await (await fetch(session.url)).text()).toContain(`<a href="${back}">Return</a>`);
  expect((await submit(session.url, "5555555555554444")).headers.get("location")).toBe(back);
  const method = double.world.customers.get(customer.id)?.defaultPaymentMethod ?? "";
  expect((await stripe.paymentMethods.retrieve(method)).card?.last4).toBe("4444");
});

test("tests in other processes move the clock, ask for faults and read the account over HTTP", async () => {
  await using account = await testAccount();
  const command = async (name: string, body: object) => {
    const answer = await fetch(`${account.double.url}/_double/${name}`, { method: "POST", body: JSON.stringify(body) });
    return answer.ok ? answer.json() : answer.text();
  };
  expect(await command("advance", { byMs: 1_000 })).toEqual({ nowMs: Date.parse("2026-11-24T12:00:01Z") });
  await command("fault", { kind: "500-before", match: "/v1/customers", times: 1 });
  await expect(account.stripe.customers.create({})).rejects.toThrow("Something went wrong");
  expect(await command("state", {})).toMatchObject({ customers: [], violations: [] });
  expect(await command("explode", {})).toContain("no such command");
});
