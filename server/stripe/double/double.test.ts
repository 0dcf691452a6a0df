import { readFileSync } from "node:fs";
import { join } from "node:path";
import Stripe from "stripe";
import { expect, test } from "vitest";
import { API_VERSION } from "./events.ts";
import { sdkFor, testAccount } from "./test-account.ts";

async function refusal(promise: Promise<unknown>): Promise<Stripe.errors.StripeError> {
  const thrown: unknown = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(thrown instanceof Stripe.errors.StripeError)) throw new Error(`expected a refusal, got ${String(thrown)}`);
  return thrown;
}

const make = (stripe: Stripe, key: string, name = "Acme") => stripe.customers.create({ name }, { idempotencyKey: key });

test("the double speaks the API version that the installed SDK pins", () => {
  const source = readFileSync(join(import.meta.dirname, "../../../node_modules/stripe/esm/apiVersion.js"), "utf8");
  expect(source).toContain(API_VERSION);
});

test("a request that the SDK's declarations forbid is refused, and told", async () => {
  await using account = await testAccount();
  const { double, stripe } = account;
  const sent = stripe.rawRequest("POST", "/v1/customers", { nmae: "Acme" });
  expect((await refusal(sent)).code).toBe("parameter_unknown");
  expect((await refusal(stripe.rawRequest("GET", "/v1/invoices/upcoming/lines/1", {}))).statusCode).toBe(404);
  expect(double.violations).toHaveLength(2);
});

test("what Stripe has and the double lacks ends in 501 and is the double's mistake, not a pass", async () => {
  await using account = await testAccount();
  const { double, stripe } = account;
  expect((await refusal(stripe.coupons.create({ percent_off: 10, duration: "once" }))).statusCode).toBe(501);
  expect((await refusal(stripe.customers.create({ phone: "1" }))).statusCode).toBe(501);
  expect(double.mistakes.splice(0)).toEqual([
    expect.stringContaining("POST /v1/coupons"),
    expect.stringContaining("phone"),
  ]);
});

test("a key that is not the account's, and a version that is not the SDK's, get in nowhere", async () => {
  await using account = await testAccount();
  const { stripe } = account;
  expect(await refusal(stripe.customers.list({}, { apiKey: "sk_test_other" }))).toBeInstanceOf(
    Stripe.errors.StripeAuthenticationError,
  );
  expect((await refusal(stripe.customers.list({}, { apiVersion: "2020-08-27" }))).message).toContain("API version");
});

test("the same key and the same request give the same answer, and nothing is done twice", async () => {
  await using account = await testAccount();
  const { double, stripe } = account;
  const first = await make(stripe, "k1");
  const again = await make(stripe, "k1");
  expect(again.id).toBe(first.id);
  expect(again.lastResponse.headers["idempotent-replayed"]).toBe("true");
  expect(double.world.customers.size).toBe(1);
});

test("the same key for another request is refused", async () => {
  await using account = await testAccount();
  await make(account.stripe, "k1");
  expect((await refusal(make(account.stripe, "k1", "Other"))).type).toBe("StripeIdempotencyError");
});

test("a 500 is kept under its key like any answer, whether anything was done or not; another key gets through", async () => {
  await using account = await testAccount();
  const { double, stripe } = account;
  double.faults.add({ kind: "500-before", match: "/v1/customers", times: 1 });
  expect((await refusal(make(stripe, "k1"))).statusCode).toBe(500);
  expect((await refusal(make(stripe, "k1"))).statusCode).toBe(500);
  expect(double.world.customers.size).toBe(0);
  await make(stripe, "k2");
  double.faults.add({ kind: "500-after", match: "/v1/customers", times: 1 });
  expect((await refusal(make(stripe, "k3"))).statusCode).toBe(500);
  expect((await refusal(make(stripe, "k3"))).statusCode).toBe(500);
  expect(double.world.customers.size).toBe(2);
});

test("keys are forgotten after a day, and a request that was turned away leaves none", async () => {
  await using account = await testAccount();
  const { double, stripe } = account;
  double.faults.add({ kind: "429", match: "/v1/customers", times: 1 });
  expect((await refusal(make(stripe, "k1"))).statusCode).toBe(429);
  const first = await make(stripe, "k1");
  await double.advanceTo(double.world.nowMs + 86_400_000);
  expect((await make(stripe, "k1")).id).not.toBe(first.id);
});

test.each([
  ["drop-before", 0],
  ["drop-after", 1],
  ["truncate", 1],
  ["hang-before", 0],
  ["hang-after", 1],
] as const)("%s: the caller learns nothing, and %i customers were made", async (kind, made) => {
  await using account = await testAccount();
  const { double, stripe } = account;
  // The SDK tries a broken connection once more by itself: both tries meet the fault.
  double.faults.add({ kind, match: "/v1/customers" });
  expect(await refusal(make(stripe, "k1"))).toBeInstanceOf(Stripe.errors.StripeConnectionError);
  expect(double.world.customers.size).toBe(made);
  double.faults.clear();
  await make(stripe, "k1");
  expect(double.world.customers.size).toBe(1);
});

test("while it is down nobody gets an answer, and afterwards everybody does", async () => {
  await using account = await testAccount();
  const { double, stripe } = account;
  double.faults.isDown = true;
  expect(await refusal(make(stripe, "k1"))).toBeInstanceOf(Stripe.errors.StripeConnectionError);
  double.faults.isDown = false;
  expect((await make(stripe, "k1")).name).toBe("Acme");
});

test("more requests a second to one endpoint than its limit are turned away", async () => {
  await using account = await testAccount({ limits: { perEndpoint: 25 } });
  const { double, stripe } = account;
  const answers = await Promise.allSettled(Array.from({ length: 40 }, (_, index) => make(stripe, `k${index}`)));
  expect(answers.filter(({ status }) => status === "rejected").length).toBe(double.limits.refusals);
  expect(double.limits.refusals).toBeGreaterThan(0);
});

test("objects of nobody are missing, and lists go page by page", async () => {
  await using account = await testAccount();
  const stripe = sdkFor(account.double);
  expect((await refusal(stripe.customers.retrieve("cus_none"))).code).toBe("resource_missing");
  for (let index = 0; index < 25; index += 1) await make(stripe, `k${index}`, `Customer ${index}`);
  const names: (string | null | undefined)[] = [];
  for await (const customer of stripe.customers.list({ limit: 10 })) names.push(customer.name);
  expect(names).toHaveLength(25);
  expect(names[0]).toBe("Customer 24");
});
